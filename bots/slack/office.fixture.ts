import { createServer } from 'node:http';
import { pino } from 'pino';
import { slackCard, slackMessage } from '#activities/chat/render/slack/index.ts';
import { createSlackApi } from '#activities/chat/slack/api.ts';
import { createRespond } from '#activities/chat/slack/respond.ts';
import { newId } from '#core/ids.ts';
import { addCard, readApproval } from '#db/approvals.ts';
import { linkIdentity } from '#db/identities.ts';
import { slackPosts } from '#db/schema/index.ts';
import { viewOf } from '#db/views/index.ts';
import { clientOf } from '#test/fakes/slack/client.ts';
import { readable, startSlack, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { createStoryWorld } from '#test/web/story.ts';
import { addErp } from '#test/web/asked.ts';
import { addOrg, addPerson, inOrg, type Person } from '#test/web/world.ts';
import type { Connection } from '#db/connections.ts';
import type { Client } from '#workflows/client.ts';
import { createSlackReceiver } from './receiver.ts';

const PEOPLE = {
  ana: { email: 'ana@acme.test' },
  bo: { email: 'bo@acme.test' },
  mia: { email: 'mia@acme.test' },
  vic: { email: 'vic@acme.test' },
  gus: { email: 'gus@acme.test', isGuest: true },
  zoe: { email: 'zoe@acme.test' },
  sam: { email: 'sam@other.test', isStranger: true, teamId: 'T0OTHER0001' },
};

/** Our ears and a Slack on 127.0.0.1, over a database; only Temporal is away. Ana owns, Bo administrates, Mia is a member, Vic looks on; Gus is a guest and linked, Zoe and Sam are nobody. */
export async function openOffice(replaced: Partial<Client> = {}) {
  const slack = await startSlack({ users: PEOPLE, channels: { general: {}, random: {} } });
  const env = { SLACK_API_URL: slack.apiUrl, SLACK_SIGNING_SECRET: slack.signingSecret };
  const world = await createStoryWorld(env, replaced);
  const { config, db, client, keys } = world.deps;
  const log = pino({ level: 'silent' });
  const api = createSlackApi({ db, keys, config, log });
  const ana = await addOrg(world);
  const { orgId } = ana;
  const members = {
    ana,
    bo: await addPerson(world, orgId, 'admin'),
    mia: await addPerson(world, orgId, 'member'),
    vic: await addPerson(world, orgId, 'viewer'),
    gus: await addPerson(world, orgId, 'admin'),
  };
  await inOrg(world, orgId, (org) =>
    api.install(
      org,
      {
        tenant: slack.teamId,
        isEnterprise: false,
        teamName: 'Acme',
        botUserId: slack.botUserId,
        botId: slack.options.botId,
        appId: slack.appId,
        scopes: slack.scopes(),
        token: slack.token(),
        refreshToken: null,
        expiresAt: null,
      },
      { memberId: ana.memberId },
    ),
  );
  const link = (name: keyof typeof PEOPLE, { memberId }: Person) =>
    inOrg(world, orgId, (org) =>
      linkIdentity(org, {
        platform: 'slack',
        tenant: slack.teamId,
        externalId: slack.users[name].id,
        memberId,
        how: 'link',
        actor: 'system',
      }),
    );
  for (const [name, person] of Object.entries(members)) await link(name as keyof typeof members, person);
  const erp: Connection = await addErp(world, ana);
  const receiver = createSlackReceiver({ config, db, client, keys, log, slack: api, respond: createRespond(config) });
  const server = createServer(async (given, answer) => {
    const parts: Uint8Array[] = [];
    for await (const part of given) parts.push(part);
    const headers = Object.entries(given.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' ? [[name, value]] : [],
    );
    const said = await receiver.http(
      new Request('http://app.test/slack/events', { method: 'POST', headers, body: Buffer.concat(parts) }),
    );
    answer.writeHead(said.status, Object.fromEntries(said.headers)).end(await said.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  slack.deliverTo(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/slack/events`);

  const taken = new WeakSet<object>();
  const web = clientOf(slack);
  const post = async (channel: string, parts: ReturnType<typeof slackMessage>, thread?: string): Promise<Message> => {
    const [part] = parts;
    if (!part || !('blocks' in part)) throw new Error('nothing to post');
    const { ts } = await web.chat.postMessage({ channel, ...part, ...(thread ? { thread_ts: thread } : {}) });
    return slack.message(channel, ts ?? '') ?? {};
  };
  return {
    slack,
    world,
    members,
    orgId,
    erp,
    link,
    web,
    post,
    /** Posts an approval's card as the product does. */
    postCard: async (approvalId: string, channel = 'general'): Promise<Message> => {
      const view = await inOrg(world, orgId, async (org) => {
        const approval = await readApproval(org, approvalId);
        if (!approval) throw new Error('no approval');
        return viewOf(org, approval);
      });
      const id = slack.channels[channel as 'general'];
      const root = await post(id, [{ text: 'root', blocks: [] }]);
      const card = await post(id, slackMessage(slackCard(view, { publicUrl: config.publicUrl })), root['ts']);
      const { payloadSha256 } = view;
      const where = { platform: 'slack', tenant: slack.teamId, channel: id, thread: root['ts'] } as const;
      await inOrg(world, orgId, (org) =>
        addCard(org, { approvalId, ...where, message: card['ts'], payloadSha256, shows: 'pending' }),
      );
      return card;
    },
    /** Notes that a message of ours is the post of a key. */
    notePost: (key: string, message: Message) =>
      inOrg(world, orgId, ({ tx }) =>
        tx.insert(slackPosts).values({
          id: newId(),
          orgId,
          key,
          tenant: slack.teamId,
          channel: message['channel'],
          thread: message['thread_ts'] ?? '',
          state: 'posted',
          ts: message['ts'],
          intendedAt: new Date(),
          updatedAt: new Date(),
        }),
      ),
    /** Waits until somebody alone was told something, and takes it. */
    told: (name: keyof typeof PEOPLE, words: string): Promise<string> =>
      until(`${name} is told "${words}"`, async () => {
        const all = slack.ephemerals(name).filter((one) => !taken.has(one));
        const found = all.findLast((one) => readable(one).includes(words));
        if (!found) throw new Error(all.map(readable).join('\n---\n') || 'nothing yet');
        taken.add(found);
        return readable(found);
      }),
    /** Waits for a modal on somebody's screen. */
    modal: (name: keyof typeof PEOPLE, callbackId: string) =>
      until(`${name} sees the modal ${callbackId}`, async () => {
        const open = slack.modals(name).at(-1);
        if (open?.['callback_id'] !== callbackId) throw new Error(`there is ${open?.['callback_id'] ?? 'none'}`);
        return open;
      }),
    close: async (): Promise<void> => {
      await receiver.stop();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await slack.stop();
      await world.drop();
    },
  };
}
export type Office = Awaited<ReturnType<typeof openOffice>>;
