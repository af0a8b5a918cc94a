import { answerCall } from './api.ts';
import { sessionHistory, sessionNow } from './agents.ts';
import { createBridge } from './bridge.ts';
import { createDoor, type Knock, type Tenant } from './door.ts';
import { addFile, download, loginPage, upload, uploads, type NewFile } from './files.ts';
import { createHands, type Hands } from './hands.ts';
import { consentPage, uninstall } from './oauth.ts';
import { settle, type ChannelOptions, type Person, type SlackOptions } from './options.ts';
import { plant } from './plant.ts';
import { respond } from './responses.ts';
import { streamState } from './streams.ts';
import { readable } from './text.ts';
import { createWorld, messageAt, mustChannel, mustUser, wire, type Call, type Token, type World } from './world.ts';
import type { Json } from './words.ts';

export { sign } from './send.ts';
export { mentions, readable } from './text.ts';
export { judgeBlocks, judgeView } from './blocks.ts';
export { createDoor } from './door.ts';
export type { Hands } from './hands.ts';
export type { SlackOptions } from './options.ts';
export type { Json } from './words.ts';

/** A message as Slack shows it, with the channel it is in and, for a stream, its tasks. */
export type Message = Json;

/**
 * One Slack workspace on 127.0.0.1: the emulate package's Slack behind a door that is as strict as the real one.
 * SLACK_API_URL is `apiUrl`. Several can share a door, as several workspaces share slack.com.
 */
export async function startSlack<U extends string = 'ana' | 'bob' | 'cleo', C extends string = 'general'>(
  options: Omit<SlackOptions, 'users' | 'channels'> & {
    users?: Record<U, Person>;
    channels?: Record<C, ChannelOptions>;
  } = {},
) {
  const settled = settle(options);
  const door = options.door ?? (await createDoor());
  const world = await createWorld(settled, door, (own, envelope) => own.emit(envelope['event']));
  const bridge = createBridge(world, options.deliverTo ?? null);
  const tenant = createTenant(world);
  door.join(tenant);
  const hands = new Map<string, Hands>();

  const channelId = (nameOrId: string): string => mustChannel(world, nameOrId)['channel_id'];
  const shown = (row: Json): Message => {
    const stream = world.streams.get(`${row['channel_id']}:${row['ts']}`);
    const streamed = stream
      ? { tasks: [...stream.tasks.values()], plan: stream.plan, streaming_state: streamState(world, stream) }
      : {};
    return { ...wire(world, row), channel: row['channel_id'], ...streamed };
  };
  const inOrder = (rows: Json[]): Message[] =>
    rows.sort((one, other) => Number(one['ts']) - Number(other['ts'])).map(shown);

  const slack = {
    teamId: settled.teamId,
    /** Where everything is: `${url}/api/` is the Web API. */
    url: door.url,
    apiUrl: `${door.url}/api/`,
    authorizeUrl: `${door.url}/oauth/v2/authorize`,
    /** For ABETWORKS_EGRESS_ALLOW. */
    hostPort: `127.0.0.1:${door.port}`,
    door,
    options: settled,
    appToken: settled.appToken,
    signingSecret: settled.signingSecret,
    clientId: settled.clientId,
    clientSecret: settled.clientSecret,
    botUserId: settled.botUserId,
    appId: settled.appId,
    /** The newest bot token. */
    token: () => world.botToken,
    users: byName<U, { id: string }>(Object.keys(settled.users), (name) => ({
      id: mustUser(world, name)['user_id'] as string,
    })),
    channels: byName<C, string>(Object.keys(settled.channels), channelId),

    as: (name: string): Hands => {
      const known = hands.get(name) ?? createHands(world, bridge, name);
      hands.set(name, known);
      return known;
    },
    /** Changes what users.info and the checks say of a person: deactivated, made a guest… */
    change: (
      name: string,
      change: { deleted?: boolean; isGuest?: boolean; isAdmin?: boolean; email?: string },
    ): void => {
      const row = mustUser(world, name);
      world.rows.users.update(row['id'], {
        ...(change.deleted === undefined ? {} : { deleted: change.deleted }),
        ...(change.isAdmin === undefined ? {} : { is_admin: change.isAdmin }),
        ...(change.email === undefined ? {} : { email: change.email }),
        flags: { ...row['flags'], ...(change.isGuest === undefined ? {} : { is_restricted: change.isGuest }) },
      });
    },
    /** Makes what a recorded payload speaks of exist here. */
    plant: (body: Json): void => plant(world, body),
    addFile: (file: NewFile): Json => addFile(world, file),
    uploads: () => uploads(world),

    // Where events go. See bridge.ts.
    deliverTo: bridge.deliverTo,
    useSocket: bridge.useSocket,
    socket: door.hub,
    hold: bridge.hold,
    emit: bridge.emit,
    send: bridge.send,
    post: bridge.post,
    deliveries: bridge.deliveries,
    /** Resolves when nothing sent is without an answer. */
    quiet: bridge.settled,
    /** Slack's first request to a new request URL; true when it was answered as it must be. */
    verifyUrl: async (url?: string): Promise<boolean> => {
      const challenge = 'challenge-3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P';
      const body = { token: 'legacy-verification-token', challenge, type: 'url_verification' };
      const sent = await bridge.post(body, url ? { url } : {});
      return sent.status === 200 && (sent.body === challenge || sent.body?.challenge === challenge);
    },

    // What there is to see.
    messages: (channel: string): Message[] => inOrder(world.rows.messages.findBy('channel_id', channelId(channel))),
    thread: (channel: string, ts: string): Message[] =>
      inOrder(
        world.rows.messages
          .findBy('channel_id', channelId(channel))
          .filter((row) => row['ts'] === ts || row['thread_ts'] === ts),
      ),
    message: (channel: string, ts: string): Message | null => {
      const row = messageAt(world, channelId(channel), ts);
      return row ? shown(row) : null;
    },
    /** The whole channel as a person reads it. */
    transcript: (channel: string): string =>
      inOrder(world.rows.messages.findBy('channel_id', channelId(channel)))
        .map(
          (one) =>
            `${one['thread_ts'] && one['thread_ts'] !== one['ts'] ? '  ' : ''}${who(world, one)}: ${readable(one)}`,
        )
        .join('\n'),
    ephemerals: (user?: string): Json[] =>
      world.privates.filter((one) => !user || one.user === mustUser(world, user)['user_id']),
    modals: (user: string): Json[] => slack.as(user).modals(),
    home: (user: string): Json | null => slack.as(user).home(),
    /** What came to response_urls, also what was refused (`error`). */
    responses: () => [...world.responded],
    session: (channel: string, threadTs: string) => sessionNow(world, channelId(channel), threadTs) ?? null,
    sessionHistory: (channel: string, threadTs: string) => sessionHistory(world, channelId(channel), threadTs),
    /** The assistant's "is thinking…" line of a thread, or null. */
    status: (channel: string, threadTs: string) => {
      const known = world.statuses.get(`${channelId(channel)}:${threadTs}`);
      return known && Date.now() - known.at < settled.sessionExpiryMs ? known : null;
    },
    prompts: () => [...world.prompts],
    streams: () => [...world.streams.values()].map((one) => ({ ...one, tasks: [...one.tasks.values()] })),

    /** Makes a stream so much older: Slack ends it after five minutes. */
    ageStream: (ts: string, ms: number): void => {
      for (const one of world.streams.values()) if (one.ts === ts) one.startedAt -= ms;
    },

    // What the app did, and what was wrong with it.
    calls: (method?: string): Call[] => world.calls.filter((call) => !method || call.method === method),
    violations: () => [...world.violations],
    throttled: () => [...world.throttled],

    // What goes wrong on order.
    limit: world.faults.limit,
    fault: world.faults.order,
    hanging: world.faults.hanging,
    clearFaults: world.faults.clear,
    /** Every bot token, or the one named, is good for nothing from now on; 'ok' mends it. */
    breakToken: (status: Token['status'], token?: string): void => {
      for (const [value, one] of world.tokens)
        if (one.kind === 'bot' && (!token || token === value)) one.status = status;
    },
    setScopes: (scopes: string[]): void => {
      world.scopes = scopes;
    },
    scopes: () => [...world.scopes],
    /** Who is at the consent page, and whether they say no. */
    consent: (as: string, { deny = false } = {}): void => {
      world.consent = { userId: mustUser(world, as)['user_id'], deny };
      door.consentIn(settled.teamId);
    },
    uninstall: (): void => uninstall(world),

    stop: async (): Promise<void> => {
      bridge.stop();
      world.faults.clear();
      door.leave(tenant);
      await world.closeEmulator();
      if (door.isEmpty()) await door.stop();
    },
  };
  return slack;
}
export type Slack = Awaited<ReturnType<typeof startSlack>>;

function createTenant(world: World): Tenant {
  const { rows } = world;
  return {
    teamId: world.settled.teamId,
    owns: (secret) =>
      world.tokens.has(secret) ||
      world.codes.has(secret) ||
      world.refreshTokens.has(secret) ||
      rows.fileUploadSessions.findOneBy('file_id', secret) !== undefined,
    api: (knock, method, token, args) => answerCall(world, knock, method, token, args),
    page: async (knock: Knock) => {
      const { pathname } = knock.url;
      if (pathname === '/oauth/v2/authorize') return consentPage(world, knock);
      if (/^\/(commands|actions)\//.test(pathname)) return respond(world, knock);
      if (pathname.startsWith('/files-pri/')) return download(world, knock);
      if (pathname.startsWith('/upload/')) return upload(world, knock);
      return loginPage(knock);
    },
  };
}

const byName = <K extends string, T>(names: string[], of: (name: string) => T): Record<K, T> =>
  Object.fromEntries(names.map((name) => [name, of(name)])) as Record<K, T>;

const who = (world: World, message: Message): string =>
  message['user'] === world.settled.botUserId ? 'abetworks' : (world.userNamed(message['user'])?.['name'] ?? '?');
