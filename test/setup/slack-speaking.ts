import { pino } from 'pino';
import postgres from 'postgres';
import { readConfig } from '#core/config.ts';
import type { MessageRef, Outgoing, PlatformApi, ThreadRef } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import type { Role } from '#core/roles.ts';
import { createDatabase } from '#db/client.ts';
import { messages, threads } from '#db/schema/index.ts';
import { linkIdentity } from '#db/identities.ts';
import { saveInstallation } from '#db/slack-installations.ts';
import { startSlack, type Message, type SlackOptions } from '#test/fakes/slack/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person } from '#test/web/world.ts';
import { createUpload } from '#activities/chat/slack/files.ts';
import { createSlackApi } from '#activities/chat/slack/api.ts';
import { createSlackChat } from '#activities/chat/slack/out.ts';

export const PANEL = 'http://panel.test';

/** A Slack, an org that the app is installed for, and a mouth to speak there: Ana owns the org and is `ana` in Slack. */
export async function startSpeaking(
  options: Pick<SlackOptions, 'strictRate' | 'streamTimeoutMs' | 'sessionExpiryMs'> = {},
) {
  const slack = await startSlack({
    ...options,
    users: { ana: { isAdmin: true }, bob: {}, cleo: {}, dan: {} },
    channels: { general: {}, away: { bot: false }, old: {}, busy: {}, quiet: {} },
  });
  const world = await createWorld(idleClient());
  const sql = postgres(world.database.adminUrl, { max: 3, onnotice: () => {} });
  const ana = await addOrg(world);
  const { db, keys } = world.deps;
  const logged: { level: number; msg: string; alert?: boolean; [name: string]: unknown }[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  await inOrg(world, ana.orgId, (org) =>
    saveInstallation(
      org,
      keys,
      {
        tenant: slack.teamId,
        isEnterprise: false,
        teamName: 'Acme',
        appId: slack.appId,
        botUserId: slack.botUserId,
        botId: null,
        scopes: slack.scopes(),
        source: 'oauth',
        expiresAt: null,
        secret: { token: slack.token(), refreshToken: null },
        memberId: null,
      },
      'test',
    ),
  );
  const link = (person: Person, name: keyof typeof slack.users) =>
    inOrg(world, ana.orgId, (org) =>
      linkIdentity(org, {
        memberId: person.memberId,
        platform: 'slack',
        tenant: slack.teamId,
        externalId: slack.users[name].id,
        how: 'link',
        actor: 'test',
      }),
    );
  await link(ana, 'ana');
  const config = readConfig({ SLACK_API_URL: slack.apiUrl });
  const api = createSlackApi({ db, keys, config, log });
  const upload = createUpload(config);
  const chatOn = (database = db, calls: PlatformApi = api) =>
    createSlackChat({ db: database, slack: calls, log, upload, publicUrl: PANEL });
  const chat = chatOn();
  return {
    slack,
    world,
    sql,
    ana,
    api,
    chat,
    log,
    logged,
    /** Another process's mouth: a pool of its own. */
    elsewhere: () => {
      const other = createDatabase({ url: world.database.url, max: 2 });
      return { chat: chatOn(other), close: other.close };
    },
    chatOn,
    join: async (role: Role, name?: keyof typeof slack.users): Promise<Person> => {
      const person = await addPerson(world, ana.orgId, role);
      if (name) await link(person, name);
      return person;
    },
    /** A thread of Ana's with her message in it, at a new root of hers. */
    addThread: async (
      channel: string,
      { thread, text = 'hello' }: { thread?: string; text?: string } = {},
    ): Promise<ThreadRef & { id: string }> => {
      const root = thread ?? (await slack.as('ana').say(channel, text));
      const place = { platform: 'slack' as const, tenant: slack.teamId, channel, thread: root };
      const id = newId();
      await inOrg(world, ana.orgId, async ({ tx }) => {
        const row = { ...place, id, orgId: ana.orgId, title: text, createdBy: ana.memberId, lastSeq: 1 };
        await tx.insert(threads).values({ ...row, updatedAt: new Date() });
        await tx
          .insert(messages)
          .values({ orgId: ana.orgId, threadId: id, seq: 1, role: 'user', text, memberId: ana.memberId });
      });
      return { ...place, id };
    },
    post: (to: ThreadRef, message: Outgoing): Promise<MessageRef> => chat.post(ana.orgId, to, message),
    posts: (key: string) => sql`select * from slack_posts where key = ${key} order by part`,
    /** What the bot said in a thread. */
    said: (to: ThreadRef): Message[] =>
      slack.thread(to.channel, to.thread).filter(({ user }) => user === slack.botUserId),
    stop: async () => {
      await sql.end();
      await world.drop();
      await slack.stop();
    },
  };
}
export type Speaking = Awaited<ReturnType<typeof startSpeaking>>;

export const note = (key: string, text = 'It is done.'): Outgoing => ({
  key,
  blocks: [{ kind: 'markdown', text }],
  fallback: text,
});

/** What an activity fails with, as Temporal reads it. */
export const failureOf = async (
  fails: Promise<unknown>,
): Promise<{ message: string; nextRetryDelay?: number; name: string }> => {
  try {
    await fails;
  } catch (error) {
    return error as { message: string; nextRetryDelay?: number; name: string };
  }
  throw new Error('it did not fail');
};
