import type postgres from 'postgres';
import { newId } from '#core/ids.ts';
import { readable, type Message, type Slack } from '#test/fakes/slack/index.ts';
import { until } from './until.ts';

/** What a test reads and does in a company's Slack, whatever processes the product is made of. */
export type SlackTalk = ReturnType<typeof createTalk>;

export function createTalk(slack: Slack, sql: postgres.Sql) {
  const channelId = (name: string): string =>
    Object.entries(slack.channels).find(([known]) => known === name)?.[1] ?? name;
  /** What the assistant said in a thread. */
  const said = (channel: string, ts: string): Message[] =>
    slack.thread(channel, ts).filter(({ user }) => user === slack.botUserId);
  /** Waits for a message in the thread that reads so (not the person's own). */
  const hears = (channel: string, ts: string, words: string | RegExp): Promise<Message> => {
    const ask = async () => {
      const heard = said(channel, ts);
      const found = heard.findLast((one) =>
        typeof words === 'string' ? readable(one).includes(words) : words.test(readable(one)),
      );
      if (!found) throw new Error(heard.map(readable).join('\n---\n') || 'nothing yet');
      // Slack has a card a moment before its place is recorded; a click in between is asked for once more.
      if (JSON.stringify(found['blocks'] ?? []).includes('"deny:')) await placeOf(channel, found['ts']);
      return found;
    };
    // A lost answer alone takes the 10 s of a call to Slack.
    return until(`the thread says ${words}`, ask, 45_000);
  };
  /** Waits until a card at this place is recorded. */
  const placeOf = async (channel: string, message: string): Promise<{ approvalId: string; runId: string }> => {
    const [row] = await sql<{ approval_id: string; run_id: string }[]>`
        select c.approval_id, a.run_id from approval_cards c join approvals a on a.id = c.approval_id
        where c.platform = 'slack' and c.channel = ${channelId(channel)} and c.message = ${message}`;
    if (!row) throw new Error('the card is not recorded yet');
    return { approvalId: row.approval_id, runId: row.run_id };
  };
  const cardAt = (channel: string, message: string): ReturnType<typeof placeOf> =>
    until('the card is recorded', () => placeOf(channel, message));
  return {
    said,
    hears,
    cardAt,
    /** Ties a Slack account to a member, as the private link does. */
    link: async (name: string, memberId: string | undefined): Promise<void> => {
      const [member] = await sql<{ org_id: string }[]>`select org_id from members where id = ${memberId ?? null}`;
      await sql`insert into identities (id, org_id, member_id, platform, tenant, external_id)
        values (${newId()}, ${member?.org_id ?? ''}, ${memberId ?? null}, 'slack', ${slack.teamId}, ${slack.as(name).id})`;
    },
    /** Somebody asks for an invoice in a channel; the card that then waits there. */
    proposeIn: async (
      number: string,
      { by = 'ana', channel = 'general' }: { by?: string; channel?: string } = {},
    ): Promise<{ ts: string; card: Message; channel: string; approvalId: string; runId: string }> => {
      const ts = await slack.as(by).say(channel, `@bot post invoice ${number} over 4200 EUR to the ERP`);
      const card = await hears(channel, ts, 'Approval needed');
      // Slack has it a moment before it is recorded.
      return { ts, card, channel, ...(await cardAt(channel, card['ts'])) };
    },
    /** Waits until a thread's session has this status. */
    sessionIs: (channel: string, ts: string, status: string): Promise<unknown> =>
      until(`the session is ${status}`, async () => {
        const now = slack.session(channel, ts)?.status;
        if (now !== status) throw new Error(`it is ${now}`);
        return now;
      }),
    /** Waits until the run's live message, if it had one, is closed. */
    liveIsClosed: (runId: string): Promise<unknown> =>
      until('the live message is closed', async () => {
        const [row] = await sql`select * from slack_live where run_id = ${runId}`;
        if (row?.['closed_at'] === null) throw new Error(JSON.stringify(row));
        return true;
      }),
    /** The run that a message in a channel began. */
    runOf: async (channel: string, ts: string) =>
      (
        await sql<
          { id: string; status: string }[]
        >`select r.id, r.status from runs r join inbound_events e on e.run_id = r.id
          where e.source_key = ${`${channelId(channel)}:${ts}`}`
      ).map((row) => ({ ...row })),
  };
}
