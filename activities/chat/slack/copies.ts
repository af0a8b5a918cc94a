import { setTimeout as pause } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import type { Logger } from 'pino';
import type { ChatOut, Outgoing, ThreadRef } from '#core/chat.ts';
import { errorText, UserError } from '#core/errors.ts';
import { addCard, readApproval } from '#db/approvals.ts';
import { decidersOf, slackAccountsOf } from '#db/approvers.ts';
import type { Database } from '#db/client.ts';
import { readOrg } from '#db/orgs.ts';
import { readThread } from '#db/threads.ts';
import type { ApprovalView } from '#db/views/index.ts';

/** Whoever may decide is told directly; of many, the longest-standing. */
const MAX_COPIES = 10;
/** No step of Temporal waits here, so what Slack takes later is sent again from here, this often. */
const TRIES = 4;
const WAIT_MS = 2_000;
const MAX_WAIT_MS = 60_000;

/**
 * Sends an approval's card, as a direct message, to those who may decide it and have a Slack account in a workspace that works. Returns how many got it. A
 * copy that fails fails nothing: it is logged, and the card in the thread and the panel remain. Posting twice is the same as once.
 */
export function createCopies({ db, chat, log }: { db: Database; chat: ChatOut; log: Logger }) {
  return async (orgId: string, view: ApprovalView, card: Outgoing): Promise<{ sent: number; failed: number }> => {
    const accounts = await db.withOrg(orgId, async (org) => {
      const approval = await readApproval(org, view.id);
      const thread = approval && (await readThread(org, approval.threadId));
      if (!approval || !thread || !(await readOrg(org)).settings.slack.tellApprovers) return [];
      const deciders = await decidersOf(org, approval);
      // Who has the thread to themselves has the card already.
      const others = thread.isDirect ? deciders.filter((id) => id !== thread.createdBy) : deciders;
      return (await slackAccountsOf(org, others, thread.tenant)).slice(0, MAX_COPIES);
    });
    const sent = await Promise.allSettled(accounts.map((account) => insist(orgId, view, card, account)));
    const failed = sent.filter((one) => one.status === 'rejected');
    if (failed.length > 0)
      log.warn(
        { orgId, approvalId: view.id, failed: failed.length, of: sent.length, error: errorText(failed[0]?.reason) },
        'approvers were not told directly',
      );
    return { sent: sent.length - failed.length, failed: failed.length };
  };

  async function insist(...[orgId, view, card, account]: Parameters<typeof send>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await send(orgId, view, card, account);
      } catch (error) {
        const askedMs = error instanceof ApplicationFailure ? Number(error.nextRetryDelay ?? WAIT_MS) : WAIT_MS * tries;
        if (error instanceof UserError || tries === TRIES || askedMs > MAX_WAIT_MS) throw error;
        await pause(askedMs, undefined, { ref: false });
        const now = await db.withOrg(orgId, (org) => readApproval(org, view.id));
        if (now?.status !== 'pending') return;
      }
    }
  }

  async function send(
    orgId: string,
    view: ApprovalView,
    card: Outgoing,
    { tenant, externalId }: { tenant: string; externalId: string },
  ): Promise<void> {
    const to: ThreadRef = { platform: 'slack', tenant, channel: externalId, thread: '' };
    const at = await chat.post(orgId, to, { ...card, key: `${card.key}:to:${tenant}:${externalId}` });
    const { id: approvalId, payloadSha256, status: shows } = view;
    const place = { platform: 'slack' as const, tenant, channel: at.channel, thread: at.thread, message: at.message };
    await db.withOrg(orgId, (org) => addCard(org, { approvalId, ...place, payloadSha256, shows }));
  }
}
