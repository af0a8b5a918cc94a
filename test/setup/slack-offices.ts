import { newId } from '#core/ids.ts';
import { createApiKey } from '#db/api-keys.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { createDoor, startSlack, type Slack, type SlackOptions } from '#test/fakes/slack/index.ts';
import { createOrg } from '#web/seed.ts';
import { createApi, type Api } from './api.ts';
import { startCompany, type Company } from './company.ts';
import { openPanel, type Page, type Panel } from './panel.ts';

type Member = Api & { memberId: string; email: string; password: string };
/** An org with its own Slack workspace and its own ERP; Ana owns it, Bo is its admin. */
export interface Office {
  orgId: string;
  slack: Slack;
  erp: Erp;
  ana: Api & { memberId: string };
  bo: Member;
  /** Bo's browser. */
  panel: Panel;
}
export interface Offices {
  it: Company;
  acme: Office;
  /** The other org. */
  bolt: Office;
  /** Another workspace or Enterprise of the same app. */
  another(options: Partial<SlackOptions>): Promise<Slack>;
  /** Presses "Add to Slack" as somebody, and agrees there: where Slack sends them back to. */
  consent(panel: Panel, slack: Slack): Promise<{ asked: URL; back: URL }>;
  /** The whole way; what the panel answers at its end. */
  install(panel: Panel, slack: Slack): Promise<Page>;
  link(office: Pick<Office, 'orgId'>, tenant: string, userId: string, memberId: string): Promise<unknown>;
  installation(tenant: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** In every workspace the same ids, on purpose: only the workspace tells them apart. */
export const SAME = {
  ana: 'U0ANA00001',
  bo: 'U0BO000001',
  zoe: 'U0ZOE00001',
  bot: 'U0ABET0001',
  general: 'C0GENERAL1',
};

/** Two orgs of one product, and two workspaces of one app, not installed yet. */
export async function startOffices(env: Record<string, string> = {}): Promise<Offices> {
  const door = await createDoor();
  const another = (options: Partial<SlackOptions>): Promise<Slack> =>
    startSlack<string, string>({
      door,
      botUserId: SAME.bot,
      users: { ana: { id: SAME.ana, isAdmin: true }, bo: { id: SAME.bo }, zoe: { id: SAME.zoe } },
      channels: { general: { id: SAME.general } },
      ...options,
    });
  const one = await another({ team: { id: 'T0ACME0001', name: 'Acme' } });
  const two = await another({ team: { id: 'T0BOLT0001', name: 'Bolt' } });
  const boltErp = await startErp({ honoursKey: true });
  const it = await startCompany({
    egress: [boltErp],
    env: {
      SLACK_API_URL: one.apiUrl,
      SLACK_SIGNING_SECRET: one.signingSecret,
      SLACK_CLIENT_ID: one.clientId,
      SLACK_CLIENT_SECRET: one.clientSecret,
      SLACK_STATE_SECRET: 'slack-state-canary-40c1',
      ...env,
    },
  });
  const slacks = [one, two];
  for (const slack of slacks) slack.deliverTo(`${it.url}/slack/events`);

  const [first] = await it.sql<{ id: string; org: string }[]>`
    select id, org_id as org from members where email = 'ana@example.com'`;
  const acme = {
    orgId: first?.org ?? '',
    slack: one,
    erp: it.erp,
    ana: { ...it.ana, memberId: first?.id ?? '' },
    bo: it.bo,
    panel: await openPanel(it.url, it.bo),
  };
  const bolt = { ...(await otherOrg(it, boltErp)), slack: two };

  const consent: Offices['consent'] = async (panel, slack) => {
    slack.consent('ana');
    const begun = await panel.post('/slack/install');
    if (begun.status !== 303) throw new Error(`not begun: ${begun.status} ${begun.text}`);
    const agreed = await fetch(begun.location, { redirect: 'manual' });
    return { asked: new URL(begun.location), back: new URL(agreed.headers.get('location') ?? '') };
  };
  return {
    it,
    acme,
    bolt,
    another: async (options) => {
      const slack = await another(options);
      slacks.push(slack);
      slack.deliverTo(`${it.url}/slack/events`);
      return slack;
    },
    consent,
    install: async (panel, slack) => {
      const { back } = await consent(panel, slack);
      return panel.get(back.pathname + back.search);
    },
    link: ({ orgId }, tenant, userId, memberId) => it.sql`
      insert into identities (id, org_id, member_id, platform, tenant, external_id)
      values (${newId()}, ${orgId}, ${memberId}, 'slack', ${tenant}, ${userId})`,
    installation: (tenant) => it.sql`select * from slack_installations where tenant = ${tenant} order by created_at`,
    stop: async () => {
      await it.stop();
      for (const slack of slacks) await slack.stop();
      await boltErp.stop();
    },
  };
}

async function otherOrg(it: Company, erp: Erp): Promise<Omit<Office, 'slack'>> {
  const { orgId, ownerId } = await createOrg(it.db, 'Bolt', 'ana@bolt.test');
  await it.sql`update orgs set settings = settings || '{"activeRunsPerMember": 1000}'`;
  const { key } = await it.db.withOrg(orgId, (org) =>
    createApiKey(org, { memberId: ownerId, createdBy: ownerId, name: 'test' }),
  );
  const ana = { ...createApi(it.url, key), memberId: ownerId };
  const { body: invited } = await ana.post('/api/v1/members', { email: 'bo@bolt.test', name: 'Bo', role: 'admin' });
  const login = { email: 'bo@bolt.test', password: 'Bo of Bolt has a password' };
  const { body: accepted } = await ana.post('/api/v1/invitations/accept', {
    token: invited.invitation,
    password: login.password,
  });
  const bo = { ...createApi(it.url, accepted.key), memberId: accepted.memberId, ...login };
  const connection = await ana.post('/api/v1/connections', erpConnection(erp));
  if (connection.status !== 201) throw new Error(`not connected: ${JSON.stringify(connection.body)}`);
  return { orgId, erp, ana, bo, panel: await openPanel(it.url, login) };
}
