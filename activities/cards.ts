import { setTimeout as pause } from 'node:timers/promises';
import type { ChatOut, Outgoing } from '#core/chat.ts';
import { errorText } from '#core/errors.ts';
import {
  addCard,
  countCardFailure,
  countCardPostFailure,
  hasCard,
  isCardPostDue,
  markCard,
  MAX_CARD_EDITS,
  MAX_CARD_POSTS,
  readApproval,
  readEdits,
  staleCards,
  type Card,
} from '#db/approvals.ts';
import { endTelling } from '#db/telling.ts';
import { readThread, type Thread } from '#db/threads.ts';
import { viewOf, type ApprovalView } from '#db/views/index.ts';
import { approvalCard } from './chat/render/index.ts';
import { slackCard } from './chat/render/slack/index.ts';
import { createCopies } from './chat/slack/copies.ts';
import type { ActivityDeps } from './deps.ts';
import { orAlert } from './refused.ts';

/** Telling approvers holds the sweeper up no longer; what is under way goes on. */
const TELL_WITHIN_MS = 5_000;
/** Copies of one card that are edited at once. */
const EDITED_AT_ONCE = 6;
/** Slower ones go on beside the run, which has waited long enough. */
const EDIT_WITHIN_MS = 3_000;
/** So long the others leave the way to the thread's own. */
const HEAD_START_MS = 300;

/** The copies of an approval's card: in its thread, with those who may decide, in App Homes. All show what is recorded (RULES A7). */
export function createCards({
  db,
  chat,
  homes,
  publicUrl,
  log,
}: Pick<ActivityDeps, 'db' | 'chat' | 'homes' | 'publicUrl' | 'log'>) {
  const copy = chat.slack && createCopies({ db, chat: chat.slack, log });
  const cardFor = (out: ChatOut, view: ApprovalView): Outgoing =>
    out.platform === 'slack'
      ? slackCard(view, { publicUrl })
      : approvalCard({ ...view, budget: out.budget, panelUrl: `${publicUrl}/approvals/${view.id}` });
  const read = (orgId: string, approvalId: string) =>
    db.withOrg(orgId, async (org) => {
      const approval = await readApproval(org, approvalId);
      const thread = approval && (await readThread(org, approval.threadId));
      if (!approval || !thread) throw new Error('approval vanished');
      return { view: await viewOf(org, approval), thread };
    });

  /** Shows the approval in its thread, and tells those who may decide. That is not waited for: what is decided at once is done at once. */
  async function showCard(orgId: string, approvalId: string): Promise<void> {
    await postCard(orgId, approvalId);
    void tellOthers(orgId, approvalId);
  }

  /** Once: the card's key is the approval's id. */
  async function postCard(orgId: string, approvalId: string): Promise<void> {
    const { view, thread } = await read(orgId, approvalId);
    const out = chat[thread.platform];
    if (!out) return;
    const { platform, tenant } = thread;
    const to = { platform, tenant, channel: thread.channel, thread: thread.thread };
    const { channel, thread: within, message } = await out.post(orgId, to, cardFor(out, view));
    const at = { platform, tenant, channel, thread: within, message };
    const { payloadSha256, status: shows } = view;
    await db.withOrg(orgId, (org) => addCard(org, { approvalId, ...at, payloadSha256, shows }));
    // Decided or stopped while the platform took its time: nobody else knows yet that this card is out.
    await editStale(orgId, approvalId);
  }

  /** Tells those who may decide, wherever it was asked from. Never throws; what is cut off, the sweeper repeats (RULES S1). */
  const tellOthers = (orgId: string, approvalId: string): Promise<void> =>
    tellAll(orgId, approvalId).catch((error: unknown) =>
      log.warn({ orgId, approvalId, error: errorText(error) }, 'approvers were not told directly'),
    );

  /** What the sweeper calls for approvers who were not told directly. */
  async function tellApprovers({ orgId, approvalId }: { orgId: string; approvalId: string }): Promise<void> {
    await Promise.race([tellOthers(orgId, approvalId), pause(TELL_WITHIN_MS, undefined, { ref: false })]);
  }

  async function tellAll(orgId: string, approvalId: string): Promise<void> {
    if (copy && chat.slack) {
      const { view } = await read(orgId, approvalId);
      const copying = copy(orgId, view, cardFor(chat.slack, view), (message) => editCopy(orgId, approvalId, message));
      const [{ left }] = await Promise.all([copying, homes?.refreshFor(orgId, approvalId)]);
      // Stopped in the moment in which the thread's card went on record: the workflow knows nothing of it.
      await editStale(orgId, approvalId);
      if (left > 0) return;
    }
    await db.withOrg(orgId, (org) => endTelling(org, approvalId));
  }

  /** Decided meanwhile: the copy is new, and already old. The others may take long, and those that were there before are being edited. */
  async function editCopy(orgId: string, approvalId: string, message: string): Promise<void> {
    const stale = await db.withOrg(orgId, (org) => staleCards(org, approvalId));
    for (const { card } of stale) if (card.message === message) await editCard(card);
  }

  /** The thread's card first, the others beside it: one that cannot be edited holds up neither them nor the run. It is tried again later (RULES S1). */
  async function editStale(orgId: string, approvalId: string): Promise<void> {
    const found = await db.withOrg(orgId, (org) => staleCards(org, approvalId));
    if (found.length === 0) return;
    const { thread } = await read(orgId, approvalId);
    const stale = found.map(({ card }) => card).toSorted((a, b) => Number(isIn(thread, b)) - Number(isIn(thread, a)));
    const [own] = stale[0] && isIn(thread, stale[0]) ? stale.splice(0, 1) : [];
    const first = own && editCard(own);
    if (first && stale.length > 0) await Promise.race([first, pause(HEAD_START_MS, undefined, { ref: false })]);
    const lane = async (): Promise<void> => {
      for (let card = stale.shift(); card; card = stale.shift()) await editCard(card);
    };
    const all = Promise.all([first, ...Array.from({ length: EDITED_AT_ONCE }, lane)]);
    await Promise.race([all, pause(EDIT_WITHIN_MS, undefined, { ref: false })]);
  }

  async function editCard(card: Card): Promise<void> {
    const { orgId, approvalId } = card;
    const { view } = await read(orgId, approvalId);
    try {
      const out = chat[card.platform];
      if (!out) throw new Error(`nothing here speaks on ${card.platform}`);
      await out.edit(orgId, card, cardFor(out, view));
    } catch (error) {
      return countFailed(card, error);
    }
    await db.withOrg(orgId, (org) => markCard(org, card.id, view.status));
  }

  async function countFailed({ orgId, approvalId, id, platform }: Card, error: unknown): Promise<void> {
    const attempts = await db.withOrg(orgId, (org) => countCardFailure(org, id));
    const words = { orgId, approvalId, cardId: id, platform, attempts, error: errorText(error) };
    if (attempts >= MAX_CARD_EDITS) log.error({ ...words, alert: true }, 'dead letter: a card cannot be edited');
    else log.warn(words, 'a card was not edited; it is tried again');
  }

  /** Every copy shows what is recorded, and an edit has a card of its own. */
  async function updateCards({ orgId, approvalId }: { orgId: string; approvalId: string }): Promise<void> {
    const edits = await db.withOrg(orgId, (org) => readEdits(org, approvalId));
    for (const { id } of edits) await editStale(orgId, id);
    const newest = edits.at(-1);
    if (newest?.supersedes) await showNewest(orgId, newest.id);
  }

  /** A card that cannot be posted is tried later and later; after ten times it is under Approvals only, with an alert (RULES S1). */
  async function showNewest(orgId: string, approvalId: string): Promise<void> {
    const isDue = await db.withOrg(
      orgId,
      async (org) => !(await hasCard(org, approvalId)) && (await isCardPostDue(org, approvalId)),
    );
    if (!isDue) return;
    try {
      await showCard(orgId, approvalId);
    } catch (error) {
      const attempts = await db.withOrg(orgId, (org) => countCardPostFailure(org, approvalId));
      const words = { orgId, approvalId, attempts, error: errorText(error) };
      if (attempts >= MAX_CARD_POSTS)
        log.error({ ...words, alert: true }, "dead letter: an edit's card cannot be posted");
      else log.warn(words, "an edit's card was not posted; it is tried again");
    }
  }

  return {
    showCard: (orgId: string, approvalId: string) => orAlert(log, { orgId, approvalId }, showCard(orgId, approvalId)),
    tellApprovers,
    updateCards,
  };
}

const isIn = (thread: Thread, { platform, channel, thread: within }: Card): boolean =>
  platform === thread.platform && channel === thread.channel && within === thread.thread;
