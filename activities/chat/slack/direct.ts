import { z } from 'zod';
import type { Outgoing, PlatformApi, ThreadRef } from '#core/chat.ts';
import { readApproval } from '#db/approvals.ts';
import type { Org } from '#db/client.ts';
import { readEffect } from '#db/effects.ts';
import { identityOf } from '#db/identities.ts';
import { readRun } from '#db/runs.ts';
import { findThreadAt } from '#db/threads.ts';
import { readAnswer } from './answer.ts';
import { isClosed, Unreachable } from './refusals.ts';

const zOpened = z.object({ channel: z.object({ id: z.string() }) });

/** A Slack person's id, in the place of a channel's. */
export const isPerson = (channel: string): boolean => /^[UW][A-Z0-9]+$/.test(channel);

/** The direct message with a person; opening it again gives the same one. Throws `Unreachable` and `PlatformFailure`. */
export async function openDirect(slack: PlatformApi, orgId: string, tenant: string, person: string): Promise<string> {
  const answer = await slack
    .call({ orgId, tenant }, 'conversations.open', { users: person })
    .catch((error: unknown) => {
      throw isClosed(error) ? new Unreachable(error.code) : error;
    });
  return readAnswer(zOpened, answer).channel.id;
}

/** The Slack account, in this workspace, of whoever the message is for: who asked, or else who began the thread. */
export async function askerOf(org: Org, to: ThreadRef, { subject }: Outgoing): Promise<string | undefined> {
  const memberId = (await requesterOf(org, subject)) ?? (await findThreadAt(org, to))?.createdBy;
  if (memberId === undefined) return undefined;
  return (await identityOf(org, memberId, 'slack', to.tenant))?.externalId;
}

async function requesterOf(org: Org, subject: Outgoing['subject']): Promise<string | undefined> {
  if (subject?.kind === 'approval') return (await readApproval(org, subject.id))?.requestedBy;
  if (subject?.kind === 'run') return (await readRun(org, subject.id)).requestedBy;
  if (subject?.kind !== 'effect') return undefined;
  const effect = await readEffect(org, subject.id);
  return effect && (await readRun(org, effect.runId)).requestedBy;
}
