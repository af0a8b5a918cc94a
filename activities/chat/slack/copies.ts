import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { Logger } from 'pino';
import type { ChatOut, Outgoing, ThreadRef } from '#core/chat.ts';
import { errorText, UserError } from '#core/errors.ts';
import { addCard, readApproval } from '#db/approvals.ts';
import { decidersOf, slackAccountsOf } from '#db/approvers.ts';
import type { Database } from '#db/client.ts';
import { readOrg } from '#db/orgs.ts';
import { mayBeOut } from '#db/slack-posts.ts';
import { readThread } from '#db/threads.ts';
import type { ApprovalView } from '#db/views/index.ts';

/** Whoever may decide is told directly; of many, the longest-standing. */
const MAX_COPIES = 10;
/** No step of Temporal waits here, so what Slack takes soon is sent again from here, this often. The rest is the sweeper's (db/telling.ts). */
const TRIES = 4;
const WAIT_MS = 2_000;
const MAX_WAIT_MS = 15_000;

/**
 * Sends an approval's card, as a direct message, to those who may decide it and have a Slack account in a workspace that works. Returns how many are left to
 * be sent later: not those that Slack refuses. `onSent` is called for each message as soon as it is out. A copy that fails fails nothing: it is logged, and the card
 * in the thread and the panel remain. Sending twice is the same as once.
 */
export function createCopies({ db, chat, log }: { db: Database; chat: ChatOut; log: Logger }) {
  return async (orgId: string, view: ApprovalView, card: Outgoing, onSent: OnSent): Promise<{ left: number }> => {
    const accounts = await db.withOrg(orgId, async (org) => {
      const approval = await readApproval(org, view.id);
      const thread = approval && (await readThread(org, approval.threadId));
      if (!approval || !thread || !(await readOrg(org)).settings.slack.tellApprovers) return [];
      const deciders = await decidersOf(org, approval);
      // Who has the thread to themselves has the card already.
      const others = thread.isDirect ? deciders.filter((id) => id !== thread.createdBy) : deciders;
      return (await slackAccountsOf(org, others, thread.tenant)).slice(0, MAX_COPIES);
    });
    const ended = await Promise.allSettled(accounts.map((account) => insist(orgId, view, card, account, onSent)));
    const failed = ended.filter((one) => one.status === 'rejected');
    const left = failed.filter(({ reason }) => !(reason instanceof UserError)).length;
    const counts = { failed: failed.length, left, of: ended.length };
    if (failed.length > 0)
      log.warn(
        { orgId, approvalId: view.id, ...counts, error: errorText(failed[0]?.reason) },
        'approvers were not told directly',
      );
    return { left };
  };

  async function insist(
    orgId: string,
    view: ApprovalView,
    card: Outgoing,
    account: Account,
    onSent: OnSent,
  ): Promise<void> {
    const { tenant, externalId } = account;
    const copy = { ...card, key: `${card.key}:to:${tenant}:${externalId}` };
    for (let tries = 1; ; tries += 1) {
      if (!(await isWanted(orgId, view.id, copy.key))) return;
      try {
        return await onSent(await send(orgId, view, copy, account));
      } catch (error) {
        const askedMs = error instanceof ApplicationFailure ? Number(error.nextRetryDelay ?? WAIT_MS) : WAIT_MS * tries;
        if (error instanceof UserError || tries === TRIES || askedMs > MAX_WAIT_MS) throw error;
        await pause(askedMs, undefined, { ref: false });
      }
    }
  }

  /** Decided meanwhile: only a copy that may be out already is seen to, since it has to say so (RULES A7). */
  function isWanted(orgId: string, approvalId: string, key: string): Promise<boolean> {
    return db.withOrg(
      orgId,
      async (org) => (await readApproval(org, approvalId))?.status === 'pending' || (await mayBeOut(org, key)),
    );
  }

  async function send(
    orgId: string,
    { id: approvalId, payloadSha256 }: ApprovalView,
    copy: Outgoing,
    { tenant, externalId }: Account,
  ): Promise<string> {
    const to: ThreadRef = { platform: 'slack', tenant, channel: externalId, thread: '' };
    const { channel, thread, message } = await chat.post(orgId, to, copy);
    const place = { platform: 'slack' as const, tenant, channel, thread, message };
    // What is in Slack may be of an earlier telling, before the decision: then it is edited, as any older one.
    await db.withOrg(orgId, (org) => addCard(org, { approvalId, ...place, payloadSha256, shows: 'pending' }));
    return message;
  }
}

type Account = { tenant: string; externalId: string };
type OnSent = (message: string) => Promise<void>;
