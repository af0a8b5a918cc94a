import { pino } from 'pino';
import postgres from 'postgres';
import { reviseCall } from '#activities/index.ts';
import type { Answer, Interactions, SlackBotDeps } from '#bots/slack/deps.ts';
import { createSlackReceiver, type SlackReceiver } from '#bots/slack/receiver.ts';
import { readConfig } from '#core/config.ts';
import { PlatformFailure } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import type { Role } from '#core/roles.ts';
import { identities, slackInstallations, tenants } from '#db/schema/index.ts';
import { addMember } from '#db/members.ts';
import { sign, type SendOptions } from '#test/fakes/slack/send.ts';
import type { Json } from '#test/fakes/slack/words.ts';
import { createTestDatabase } from '#test/setup/database.ts';
import { createOrg } from '#web/seed.ts';
import { createClient } from '#workflows/client.ts';
import { fakeEngine } from '#workflows/client/engine.fixture.ts';

export const SECRET = 'a signing secret';
export const BOT = 'UBOT';

/** Ears over a real database: Temporal is idle, and Slack's Web API is a record of what it was asked. */
export async function createEars({
  tenant = 'T1',
  botUserId = BOT,
  env = {},
}: { tenant?: string; botUserId?: string; env?: Record<string, string> } = {}) {
  const database = await createTestDatabase();
  const { db } = database;
  const sql = postgres(database.adminUrl, { max: 3, onnotice: () => {} });
  const config = readConfig({ PUBLIC_URL: 'http://panel.test', SLACK_SIGNING_SECRET: SECRET, ...env });
  const keys = parseKeyRing(newKeyRingText());
  const logged: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void logged.push(line) });
  const engine = fakeEngine();
  const { orgId, ownerId } = await createOrg(db, 'Acme', 'owner@acme.test');
  // Nothing here is answered, so that it all stays under way.
  await sql`update orgs set settings = '{"activeRunsPerMember": 1000}' where id = ${orgId}`;
  const slack = fakeSlackCalls(tenant);
  const clock = { aheadMs: 0 };
  const handed: { what: 'command' | 'interaction'; given: Json; heard: Json }[] = [];
  const answer = { next: { status: 200 } as Answer | Error };
  const act = async (what: 'command' | 'interaction', given: Json, heard: object): Promise<Answer> => {
    handed.push({ what, given, heard });
    if (answer.next instanceof Error) throw answer.next;
    return answer.next;
  };
  const interactions: Interactions = {
    command: (form, heard) => act('command', form, heard),
    interaction: (payload, heard) => act('interaction', payload, heard),
  };
  const responded: { url: string; message: object }[] = [];
  const receivers: SlackReceiver[] = [];
  const client = createClient({ db, engine: engine.port, log, keys, revise: reviseCall });
  /** Another process: what it remembers is its own. */
  const another = (): SlackReceiver => {
    const deps: SlackBotDeps = {
      config,
      db,
      client,
      keys,
      log,
      slack: slack.port,
      respond: async (url, message) => void responded.push({ url, message }),
      now: () => Date.now() + clock.aheadMs,
    };
    const receiver = createSlackReceiver(deps, interactions);
    receivers.push(receiver);
    return receiver;
  };
  const receiver = another();

  const ears = {
    db,
    sql,
    config,
    logged,
    engine,
    client,
    orgId,
    ownerId,
    tenant,
    slack,
    clock,
    handed,
    answer,
    responded,
    receiver,
    another,
    connect: async (at = tenant, toOrg = orgId) => {
      await db.withOrg(toOrg, async ({ tx }) => {
        await tx.insert(tenants).values({ orgId: toOrg, platform: 'slack', tenant: at });
        await tx.insert(slackInstallations).values({
          orgId: toOrg,
          tenant: at,
          teamName: 'Acme',
          botUserId,
          botId: 'BBOT',
          source: 'oauth',
          updatedAt: new Date(),
        });
      });
    },
    member: (role: Role, email = `${newId()}@acme.test`) =>
      db.withOrg(orgId, (org) => addMember(org, { email, name: `A ${role}`, role, status: 'active' })),
    link: (memberId: string, externalId: string, at = tenant) =>
      db.withOrg(orgId, ({ tx }) =>
        tx.insert(identities).values({ orgId, memberId, platform: 'slack', tenant: at, externalId }),
      ),
    /** Signed as Slack does, and sent. */
    send: async (body: Json | string, options: SendOptions & { to?: SlackReceiver } = {}) => {
      const { raw, headers } = sign(body, { secret: SECRET, ...options });
      return post(options.to ?? receiver, raw, headers);
    },
    /** Waits for what follows acknowledgements. */
    settle: async () => {
      for (const one of receivers) await one.stop();
    },
    rows: () =>
      sql`select source_key, sender_id, outcome, reason, run_id, org_id, tenant from inbound_events order by created_at, id`,
    texts: async () =>
      (await sql`select m.text from messages m order by m.created_at, m.seq`).map(({ text }) => text as string),
    drop: async () => {
      await ears.settle();
      await sql.end();
      await database.drop();
    },
  };
  return ears;
}
export type EarsWorld = Awaited<ReturnType<typeof createEars>>;

export const post = (
  to: SlackReceiver,
  raw: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> | Headers,
): Promise<Response> => to.http(new Request('http://panel.test/slack/events', { method: 'POST', body: raw, headers }));

/** Slack's answers to what the ears ask; who is not in `users` is not found. */
function fakeSlackCalls(team: string) {
  const slack = {
    calls: [] as { method: string; args: Json }[],
    users: new Map<string, Json>(),
    /** What a channel is; one that is not here is public. */
    channels: new Map<string, Json>(),
    /** Methods that cannot be asked now. */
    away: new Set<string>(),
    env: 'off' as 'ready' | 'off' | 'unreachable' | 'refused',
    onEnsure: async () => {},
    forgotten: [] as string[],
    add: (id: string, change: Json = {}) =>
      slack.users.set(id, { id, team_id: team, name: id.toLowerCase(), profile: {}, ...change }),
    asked: (method: string) => slack.calls.filter((call) => call.method === method).map(({ args }) => args),
  };
  const port: SlackBotDeps['slack'] = {
    call: async (_at, method, args) => {
      slack.calls.push({ method, args });
      if (slack.away.has(method)) throw new PlatformFailure('not_sent', 'ECONNREFUSED');
      if (method === 'conversations.info') {
        const id = String(args['channel']);
        return { ok: true, channel: slack.channels.get(id) ?? { id, is_im: false, is_mpim: false, is_private: false } };
      }
      if (method !== 'users.info') return { ok: true };
      const user = slack.users.get(String(args['user']));
      if (!user) throw new PlatformFailure('refused', 'user_not_found');
      return { ok: true, user };
    },
    ensureEnv: async () => {
      await slack.onEnsure();
      return slack.env;
    },
    forget: ({ tenant }) => void slack.forgotten.push(tenant),
  };
  return Object.assign(slack, { port });
}

let count = 0;
/** A ts of its own. */
export const newTs = (): string => `1771442${String(++count).padStart(3, '0')}.${String(count).padStart(6, '0')}`;

/** An event's whole body, as Slack sends it. */
export const envelope = (event: Json, change: Json = {}): Json => ({
  token: 'verif',
  team_id: 'T1',
  context_team_id: 'T1',
  context_enterprise_id: null,
  api_app_id: 'A0ABET',
  event,
  type: 'event_callback',
  event_id: `Ev${newId().replaceAll('-', '').toUpperCase()}`,
  event_time: 1_771_442_483,
  authorizations: [{ enterprise_id: null, team_id: 'T1', user_id: BOT, is_bot: true, is_enterprise_install: false }],
  is_ext_shared_channel: false,
  ...change,
});

/** A message in a channel, by Ana. */
export const message = (change: Json = {}): Json => {
  const ts = newTs();
  return {
    type: 'message',
    user: 'UANA',
    ts,
    team: 'T1',
    text: `<@${BOT}> post invoice INV-77`,
    channel: 'C1',
    event_ts: ts,
    channel_type: 'channel',
    ...change,
  };
};
/** The second event that Slack sends for a message that mentions the app. */
export const mentionOf = (said: Json): Json => ({ ...said, type: 'app_mention', channel_type: undefined });
