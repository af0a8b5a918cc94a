import { createServer, type AddressInfo } from 'node:net';
import postgres from 'postgres';
import { layWire, type Wire } from '#test/chaos/wire.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { startSlack, type Slack, type SlackOptions } from '#test/fakes/slack/index.ts';
import { runScript, type Child } from './child.ts';
import { prepareGround, talk, type TestGround } from './product.ts';
import { createTalk, type SlackTalk } from './slack-talk.ts';
import { until } from './until.ts';

type Role = 'web' | 'bots' | 'worker' | 'all';

/** The product as processes that can be killed, one for each role named, with wires that can be cut; Ana owns it, Bo is an admin, both are linked. */
export interface SlackProcesses extends SlackTalk, ReturnType<typeof talk> {
  ground: TestGround;
  slack: Slack & { users: Record<'ana' | 'bo', { id: string }> };
  erp: Erp;
  sql: postgres.Sql;
  url: string;
  /** Between the product and the others. */
  wires: Record<'slack' | 'postgres' | 'temporal', Wire>;
  /** What the processes wrote, all of them. */
  output(): string;
  /** SIGKILL for every process; for that of one role only, which is started again. */
  kill(role?: Role): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startSlackProcesses({
  roles,
  slack: options = {},
  env = {},
}: {
  /** A process each; 'all' is every role in one. */
  roles: readonly Role[];
  slack?: Partial<SlackOptions>;
  /** Settings beside the usual; '' takes one away. */
  env?: Record<string, string>;
}): Promise<SlackProcesses> {
  const [ground, erp, slack] = await Promise.all([
    prepareGround(),
    startErp({ honoursKey: true }),
    startSlack({ users: { ana: { isAdmin: true }, bo: {} }, channels: { general: {}, random: {} }, ...options }),
  ]);
  const database = new URL(ground.database.url);
  const wires = {
    slack: await layWire(`127.0.0.1:${slack.door.port}`),
    postgres: await layWire(database.host),
    temporal: await layWire(ground.temporal.address),
  };
  database.host = wires.postgres.address;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const settings: Record<string, string> = Object.fromEntries(
    Object.entries({
      ...ground.env,
      PORT: String(port),
      DATABASE_URL: database.href,
      TEMPORAL_ADDRESS: wires.temporal.address,
      ABETWORKS_EGRESS_ALLOW: erp.hostPort,
      SLACK_API_URL: `http://${wires.slack.address}/api/`,
      SLACK_BOT_TOKEN: slack.token(),
      SLACK_SIGNING_SECRET: slack.signingSecret,
      ...env,
    }).filter(([, value]) => value !== ''),
  );
  const written: Child[] = [];
  const living = new Map<string, Child>();
  let isWanted = false;
  /** Starts it again when it ends by itself, as a supervisor does: a driver's bug on a lost connection may end it. */
  const keep = async (role: string): Promise<void> => {
    const child = runScript('scripts/start.ts', role === 'all' ? [] : [role], settings);
    written.push(child);
    living.set(role, child);
    void child.ended.then(() => (isWanted ? keep(role).catch(() => undefined) : undefined));
    await child.ready();
  };
  const start = async (): Promise<void> => {
    isWanted = true;
    await Promise.all(roles.map(keep));
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    isWanted = false;
    for (const child of living.values()) child.signal(signal);
    await Promise.all([...living.values()].map(({ ended }) => ended));
  };
  const sql = postgres(ground.database.adminUrl, { max: 4, onnotice: () => {} });
  const stop = async (): Promise<void> => {
    // What ends well is the start's own test.
    await end('SIGKILL');
    await sql.end();
    await Promise.all([...Object.values(wires).map((wire) => wire.stop()), erp.stop(), slack.stop()]);
    await ground.end();
  };
  try {
    await start();
    slack.deliverTo(`${url}/slack/events`);
    const { ana, join, ...others } = talk(url);
    await ana.post('/api/v1/connections', erpConnection(erp));
    const { memberId } = await join('Bo', 'admin');
    await until('the workspace is registered', async () => (await sql`select 1 from slack_installations`)[0]);
    const slackTalk = createTalk(slack, sql);
    const [owner] = await sql<{ id: string }[]>`select id from members where email = 'ana@example.com'`;
    await slackTalk.link('ana', owner?.id);
    await slackTalk.link('bo', memberId);
    // Copies of cards would only share the budget of direct messages.
    await sql`update orgs set settings = settings || '{"activeRunsPerMember": 1000, "slack": {"matchEmail": false, "channels": [], "tellApprovers": false}}'`;
    return {
      ...slackTalk,
      ...others,
      ana,
      join,
      ground,
      slack: slack as unknown as SlackProcesses['slack'],
      erp,
      sql,
      url,
      wires,
      output: () => written.map((child) => child.output()).join('\n'),
      kill: async (role) => {
        if (role === undefined) return end('SIGKILL');
        living.get(role)?.signal('SIGKILL');
        await living.get(role)?.ended;
      },
      start,
      stop,
    };
  } catch (error) {
    console.info(written.map((child) => child.output()).join('\n'));
    await stop();
    throw error;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
