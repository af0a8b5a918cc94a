import type { ChatOut } from '#core/chat.ts';
import type { Connection } from '#db/connections.ts';
import { PANEL, startSpeaking, type Speaking } from './slack-speaking.ts';
import { until } from './until.ts';
import { addAsked, addErp, type Asked } from '#test/web/asked.ts';
import type { Person } from '#test/web/world.ts';
import { createApprovalActivities } from '#activities/approvals.ts';
import { createWebChat } from '#activities/chat/web.ts';

type Name = 'ana' | 'bob' | 'cleo' | 'dan';
type Row = { [name: string]: string };

/** An approval in a Slack thread, those who may decide it or not, and its cards. */
export async function startAsked() {
  const it: Speaking = await startSpeaking();
  const bo: Person = await it.join('admin', 'bob');
  const cy: Person = await it.join('member', 'cleo');
  const vi: Person = await it.join('viewer', 'dan');
  const erp: Connection = await addErp(it.world, it.ana);
  let asked: Asked = await addAsked(it.world, it.ana, erp);
  let place = { channel: '', thread: '' };

  const activitiesWith = (slack: ChatOut = it.chat) =>
    createApprovalActivities({
      db: it.world.deps.db,
      chat: { slack, web: createWebChat(it.world.deps.db) },
      homes: it.chat.homes,
      publicUrl: PANEL,
      log: it.log,
    });
  const ref = () => ({ orgId: it.ana.orgId, runId: asked.runId });
  const ask = (on = activitiesWith()) => on.requestApproval({ ...ref(), toolCallId: asked.toolCallId });
  /** As it is when the approval is asked. */
  const isToTell = () =>
    it.sql`update approvals set tell_at = now() + interval '1 minute' where id = ${asked.approvalId}`;
  const isTold = async (id = asked.approvalId): Promise<boolean> =>
    (await it.sql`select tell_at from approvals where id = ${id}`)[0]?.['tell_at'] === null;
  const cards = (id = asked.approvalId) =>
    it.sql`select channel, thread, message, shows, payload_sha256, edit_attempts from approval_cards where approval_id = ${id} order by created_at, id`;
  const directOf = (name: Name): string => it.slack.as(name).dmChannel();

  return {
    it,
    bo,
    cy,
    vi,
    asked: () => asked,
    place: () => place,
    activitiesWith,
    ref,
    ask,
    isToTell,
    isTold,
    cards,
    directOf,
    /** Another approval, in a thread of its own. */
    async again(): Promise<void> {
      await it.sql`update approvals set status = 'cancelled' where status = 'pending'`;
      await it.sql`delete from channel_turns`;
      await it.sql`delete from slack_homes`;
      asked = await addAsked(it.world, it.ana, erp);
      const { channel, thread } = await it.addThread(it.slack.channels.general);
      place = { channel, thread };
      await it.sql`delete from messages where thread_id = (select id from threads where thread = ${thread})`;
      await it.sql`delete from threads where thread = ${thread}`;
      await it.sql`update threads set platform = 'slack', tenant = ${it.slack.teamId}, channel = ${channel}, thread = ${thread} where id = ${asked.threadId}`;
    },
    /** Asks, and waits for the telling, which the run does not wait for. */
    async request(on = activitiesWith()): Promise<{ approvalId: string }> {
      await isToTell();
      const answer = await ask(on);
      await until('those who may decide were told', () => isTold());
      return answer;
    },
    update: (on = activitiesWith()) => on.updateCards({ orgId: it.ana.orgId, approvalId: asked.approvalId }),
    tell: (on = activitiesWith()) => on.tellApprovers({ orgId: it.ana.orgId, approvalId: asked.approvalId }),
    decide: () =>
      it.sql`update approvals set status = 'approved', decided_at = now(), decided_by = ${bo.memberId} where id = ${asked.approvalId}`,
    shownAt: (at: Row): string => JSON.stringify(it.slack.message(at['channel'] ?? '', at['message'] ?? '')),
    cardsIn: async (name: Name) => {
      const channel = directOf(name);
      return (await cards()).filter((card) => card['channel'] === channel);
    },
    copiesOf: (name: Name) =>
      it.slack.messages(directOf(name)).filter((one) => JSON.stringify(one).includes(asked.approvalId)),
  };
}
