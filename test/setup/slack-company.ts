import { startSlack, type Slack, type SlackOptions } from '#test/fakes/slack/index.ts';
import type { Erp } from '#test/fakes/erp.ts';
import { startCompany, type Company } from './company.ts';
import { createTalk, type SlackTalk } from './slack-talk.ts';
import { until } from './until.ts';

/** The company with its Slack: Ana owns, Bo administrates, Mia is a member, all linked; Zoe is nobody here yet. */
export interface SlackCompany extends Company, SlackTalk {
  slack: Slack & { users: Record<'ana' | 'bo' | 'mia' | 'zoe', { id: string }> };
  mia: Awaited<ReturnType<Company['join']>>;
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
  const talk = createTalk(slack, it.sql);
  const { link } = talk;
  const [owner] = await it.sql<{ id: string }[]>`select id from members where email = 'ana@example.com'`;
  await link('ana', owner?.id ?? '');
  await link('bo', it.bo.memberId);
  await link('mia', mia.memberId);
  return {
    ...it,
    ...talk,
    slack,
    mia,
    stop: async () => {
      await it.stop();
      await slack.stop();
    },
  };
}
