import postgres from 'postgres';
import { parseKeyRing, newKeyRingText } from '#core/keys.ts';
import { saveInstallation } from '#db/slack-installations.ts';
import type { SlackSetup } from '#web/slack.ts';
import { idleClient } from './client.ts';
import { postForm } from './story.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type Person } from './world.ts';

type SignedIn = Person & { cookie: string };
const TOKEN = 'xoxb-page-canary-91ab';
const REFRESH = 'xoxe-1-page-canary-77de';

const flat = (text: string): string => text.replaceAll(/\s+/g, ' ');

/** The page Slack as an admin sees it, with a Slack side that answers what the test says. */
export async function startSlackPage() {
  const keys = parseKeyRing(newKeyRingText());
  /** What the page asked of Slack's side. */
  const asked: unknown[][] = [];
  const fresh = (): SlackSetup => ({
    hears: [],
    hasToken: false,
    canInstall: false,
    problems: async () => ({ botToken: null, appToken: null }),
    manifest: (mode) => JSON.stringify({ mode, url: 'https://abw.example.com/slack/events' }, null, 2),
    begin: async (actor) => {
      asked.push(['begin', actor.memberId]);
      return 'https://slack.com/oauth/v2/authorize?state=s';
    },
    finish: async (actor, returned) => {
      asked.push(['finish', actor.memberId, returned]);
      return { tenant: 'T1' };
    },
    check: async (at) => {
      asked.push(['check', at]);
      return { isOk: true, text: 'Slack answers: the bot is abetworks in Acme', missing: [] };
    },
    remove: async (actor, tenant) => {
      asked.push(['remove', actor.memberId, tenant]);
    },
  });
  const setup: { -readonly [K in keyof SlackSetup]: SlackSetup[K] } = fresh();
  const world = await createWorld(idleClient(), {}, { slack: setup });
  const sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  const owner = await addOrg(world);
  const admin = await somebody('admin');

  async function somebody(role: Parameters<typeof addPerson>[2], orgId = owner.orgId): Promise<SignedIn> {
    const person = await addPerson(world, orgId, role, PASSWORD);
    return { ...person, cookie: await cookieOf(world, person.email) };
  }
  const open = async (path = '/slack', { cookie }: SignedIn = admin) => {
    const { status, text, headers } = await world.call(path, { headers: { cookie } });
    return { status, text: flat(text), headers };
  };
  const post = async (path: string, fields: Record<string, string> = {}, { cookie }: SignedIn = admin) => {
    const { status, text, headers } = await postForm(world, cookie, path, fields);
    return { status, text: flat(text), headers };
  };
  const install = (tenant: string, more: { source?: 'oauth' | 'env'; teamName?: string } = {}, orgId = owner.orgId) =>
    inOrg(world, orgId, (org) =>
      saveInstallation(
        org,
        keys,
        {
          tenant,
          isEnterprise: tenant.startsWith('E'),
          teamName: more.teamName ?? `Team ${tenant}`,
          appId: 'A1',
          botUserId: 'UBOT',
          botId: 'BBOT',
          scopes: ['chat:write'],
          source: more.source ?? 'oauth',
          expiresAt: null,
          secret: more.source === 'env' ? null : { token: TOKEN, refreshToken: REFRESH },
          memberId: null,
        },
        'system',
      ),
    );

  return {
    world,
    sql,
    owner,
    admin,
    asked,
    setup,
    somebody,
    open,
    post,
    install,
    /** Nothing set, nothing installed, nothing asked. */
    clear: async () => {
      asked.length = 0;
      Object.assign(setup, fresh());
      await sql`truncate slack_installations`;
      await sql`delete from tenants where platform = 'slack'`;
    },
    stop: async () => {
      await sql.end();
      await world.drop();
    },
  };
}
