import { newId } from '#core/ids.ts';
import { readable, startSlack, type Message, type Slack, type SlackOptions } from '#test/fakes/slack/index.ts';
import type { Erp } from '#test/fakes/erp.ts';
import { startCompany, type Company } from './company.ts';
import { until } from './until.ts';

/** The company with its Slack: Ana owns, Bo administrates, Mia is a member, all linked; Zoe is nobody here yet. */
export interface SlackCompany extends Company {
  slack: Slack & { users: Record<'ana' | 'bo' | 'mia' | 'zoe', { id: string }> };
  mia: Awaited<ReturnType<Company['join']>>;
  /** Ties a Slack account to a member, as the private link does. */
  link(name: string, memberId: string): Promise<void>;
  /** Waits for a message in the thread that reads so (not the person's own). */
  hears(channel: string, ts: string, words: string | RegExp): Promise<Message>;
  /** Somebody asks for an invoice in #general; the card that then waits there. */
  proposeIn(
    number: string,
    options?: { by?: string; channel?: string },
  ): Promise<{ ts: string; card: Message; channel: string; approvalId: string; runId: string }>;
}

export async function startSlackCompany({
  slack: options = {},
  env = {},
  egress = [],
}: {
  slack?: Partial<SlackOptions>;
  env?: Record<string, string>;
  egress?: readonly Erp[];
} = {}): Promise<SlackCompany> {
  const slack = (await startSlack({
    users: {
      ana: { email: 'ana@example.com', isAdmin: true },
      bo: { email: 'bo@example.com' },
      mia: { email: 'mia@example.com' },
      zoe: { email: 'zoe@elsewhere.test' },
    },
    channels: { general: {}, random: {} },
    ...options,
  })) as unknown as SlackCompany['slack'];
  const it = await startCompany({
    egress,
    env: {
      SLACK_API_URL: slack.apiUrl,
      SLACK_BOT_TOKEN: slack.token(),
      SLACK_SIGNING_SECRET: slack.signingSecret,
      ...env,
    },
  });
  slack.deliverTo(`${it.url}/slack/events`);
  const mia = await it.join('Mia', 'member');
  await until(
    'the workspace is registered',
    async () => (await it.sql`select 1 from slack_installations where status = 'active'`)[0],
  );
  const link: SlackCompany['link'] = async (name, memberId) => {
    const { id } = slack.users[name as 'ana'];
    const [member] = await it.sql<{ org_id: string }[]>`select org_id from members where id = ${memberId}`;
    await it.sql`insert into identities (id, org_id, member_id, platform, tenant, external_id)
      values (${newId()}, ${member?.org_id ?? ''}, ${memberId}, 'slack', ${slack.teamId}, ${id})`;
  };
  const [owner] = await it.sql<{ id: string }[]>`select id from members where email = 'ana@example.com'`;
  await link('ana', owner?.id ?? '');
  await link('bo', it.bo.memberId);
  await link('mia', mia.memberId);
  const hears: SlackCompany['hears'] = (channel, ts, words) =>
    until(`the thread says ${words}`, async () => {
      const said = slack.thread(channel, ts).filter((one) => one['user'] === slack.botUserId);
      const found = said.findLast((one) =>
        typeof words === 'string' ? readable(one).includes(words) : words.test(readable(one)),
      );
      if (!found) throw new Error(said.map(readable).join('\n---\n') || 'nothing yet');
      return found;
    });
  return {
    ...it,
    slack,
    mia,
    link,
    hears,
    proposeIn: async (number, { by = 'ana', channel = 'general' } = {}) => {
      const ts = await slack.as(by).say(channel, `@bot post invoice ${number} over 4200 EUR to the ERP`);
      const card = await hears(channel, ts, 'Approval needed');
      const [row] = await it.sql<{ approval_id: string; run_id: string }[]>`
        select c.approval_id, a.run_id from approval_cards c join approvals a on a.id = c.approval_id
        where c.platform = 'slack' and c.channel = ${slack.channels.general && channel === 'general' ? slack.channels.general : channel} and c.message = ${card['ts']}`;
      return { ts, card, channel, approvalId: row?.approval_id ?? '', runId: row?.run_id ?? '' };
    },
    stop: async () => {
      await it.stop();
      await slack.stop();
    },
  };
}
