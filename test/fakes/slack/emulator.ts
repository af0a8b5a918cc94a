import { readdirSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createEmulator } from 'emulate';
import type { Settled } from './options.ts';
import { idFor, nextTs, type Json } from './words.ts';

interface Collection {
  insert: (row: Json) => Json;
  update: (id: number, change: Json) => Json;
  delete: (id: number) => boolean;
  all: () => Json[];
  findBy: (field: string, value: string) => Json[];
  findOneBy: (field: string, value: string) => Json | undefined;
}
export type Store = Record<
  | 'teams'
  | 'users'
  | 'channels'
  | 'messages'
  | 'ephemeralMessages'
  | 'bots'
  | 'tokens'
  | 'incomingWebhooks'
  | 'files'
  | 'fileUploadSessions'
  | 'views'
  | 'viewTriggers',
  Collection
>;
interface Webhooks {
  dispatch: (event: string, action: unknown, payload: Json, owner: string) => Promise<void>;
}
interface Captured {
  app: { fetch: (request: Request) => Promise<Response> };
  store: unknown;
  webhooks: Webhooks;
}
interface Chunk {
  slackPlugin: { register: (...args: unknown[]) => unknown };
  getSlackStore: (store: unknown) => Store;
}

// The package has no way to be told where events go, nor what the ids are. Both are reached by wrapping its Slack
// plug-in's `register` for the moment of one start, which is why the package is pinned to one version.
async function loadChunk(): Promise<Chunk> {
  const manifest = findPackageJSON('emulate', import.meta.url);
  if (!manifest) throw new Error('The emulate package is not installed.');
  const dist = join(dirname(manifest), 'dist');
  const name = readdirSync(dist).find(
    (file) => /^dist-.*\.js$/.test(file) && /export \{[^}]*slackPlugin/.test(readFileSync(join(dist, file), 'utf8')),
  );
  if (!name) throw new Error('This version of emulate has no Slack plug-in to wrap.');
  return (await import(pathToFileURL(join(dist, name)).href)) as Chunk;
}

let turn: Promise<unknown> = Promise.resolve();
/** One at a time: two starts at once would capture each other's. */
function capture(chunk: Chunk): Promise<Captured & { close: () => Promise<void> }> {
  const mine = turn.then(async () => {
    let captured: Captured | undefined;
    const register = chunk.slackPlugin.register;
    chunk.slackPlugin.register = function (this: unknown, ...args: unknown[]) {
      captured = { app: args[0] as Captured['app'], store: args[1], webhooks: args[2] as Webhooks };
      return register.apply(this, args);
    };
    try {
      const emulator = await createEmulator({ service: 'slack', port: 0 });
      if (!captured) throw new Error('The emulator did not register its Slack plug-in.');
      return { ...captured, close: () => emulator.close() };
    } finally {
      chunk.slackPlugin.register = register;
    }
  });
  turn = mine.catch(() => undefined);
  return mine;
}

/** The emulator with our team, people and channels in it, and its events handed to `heard`. */
export async function startEmulator(settled: Settled, heard: (envelope: Json) => void) {
  const chunk = await loadChunk();
  const { app, store, webhooks, close } = await capture(chunk);
  const rows = chunk.getSlackStore(store);
  webhooks.dispatch = (_event, _action, payload) => {
    heard(payload);
    return Promise.resolve();
  };
  // Its own clock counts messages within a second, so that a time-bounded look-up would miss them.
  const insert = rows.messages.insert.bind(rows.messages);
  rows.messages.insert = (row) => insert({ ...row, ts: row['fixedTs'] ?? nextTs() });
  fill(rows, settled);
  return {
    rows,
    /** A Web API call by the bot, or by the user with that id. Gives the answer's body. */
    call: async (method: string, args: Json, userId = settled.botUserId): Promise<Json> => {
      const body = JSON.stringify(args);
      const headers = { 'content-type': 'application/json; charset=utf-8', authorization: `Bearer in-${userId}` };
      const answer = await app.fetch(new Request(`http://slack.test/api/${method}`, { method: 'POST', headers, body }));
      return answer.status === 404 ? { ok: false, error: 'unknown_method' } : ((await answer.json()) as Json);
    },
    /** Anything else it serves: uploads. */
    fetch: (request: Request) => app.fetch(request),
    close,
  };
}

function fill(rows: Store, settled: Settled): void {
  for (const name of ['users', 'channels', 'incomingWebhooks', 'bots', 'tokens'] as const)
    for (const row of rows[name].all()) rows[name].delete(row['id']);
  const team = rows.teams.all()[0];
  if (!team) throw new Error('The emulator has no team.');
  const { teamId, botUserId, botId, appId, botName } = settled;
  rows.teams.update(team['id'], { team_id: teamId, name: settled.teamName, domain: settled.domain });
  rows.bots.insert({ bot_id: botId, app_id: appId, user_id: botUserId, name: botName, deleted: false, icons: {} });
  addUser(rows, { id: botUserId, name: botName, teamId, isBot: true });
  addToken(rows, { userId: botUserId, teamId, appId, botId });
  for (const [name, person] of Object.entries(settled.users)) {
    const id = person.id ?? idFor('U', teamId, name);
    addUser(rows, { ...person, id, name, teamId: person.teamId ?? teamId });
    addToken(rows, { userId: id, teamId });
  }
  for (const [name, channel] of Object.entries(settled.channels)) {
    const names = channel.members ?? Object.keys(settled.users).filter((user) => !settled.users[user]?.isStranger);
    const members = names.map((user) => settled.users[user]?.id ?? idFor('U', teamId, user));
    if (channel.bot !== false) members.push(botUserId);
    const id = channel.id ?? idFor('C', teamId, name);
    const isMpim = channel.group ?? false;
    addChannel(rows, { id, name, teamId, isPrivate: isMpim || (channel.private ?? false), isMpim, members });
  }
}

export function addChannel(
  rows: Store,
  of: { id: string; name: string; teamId: string; isPrivate: boolean; isMpim?: boolean; members: string[] },
): void {
  const none = { value: '', creator: of.members[0], last_set: Math.floor(Date.now() / 1000) };
  rows.channels.insert({
    channel_id: of.id,
    team_id: of.teamId,
    name: of.name,
    is_channel: !of.isPrivate,
    is_private: of.isPrivate,
    is_mpim: of.isMpim ?? false,
    is_archived: false,
    topic: none,
    purpose: none,
    members: of.members,
    creator: of.members[0],
    num_members: of.members.length,
  });
}

export function addToken(rows: Store, of: { userId: string; teamId: string; appId?: string; botId?: string }): void {
  rows.tokens.insert({
    token: `in-${of.userId}`,
    token_type: of.botId ? 'bot' : 'user',
    team_id: of.teamId,
    user_id: of.userId,
    scopes: [],
    app_id: of.appId,
    bot_id: of.botId,
  });
}

export function addUser(
  rows: Store,
  user: { id: string; name: string; teamId: string } & Settled['users'][string],
): void {
  const realName = user.realName ?? user.name[0]?.toUpperCase() + user.name.slice(1);
  const email = user.email === null ? undefined : (user.email ?? `${user.name}@example.com`);
  rows.users.insert({
    user_id: user.id,
    team_id: user.teamId,
    name: user.name,
    real_name: realName,
    email: user.isBot ? undefined : email,
    is_admin: user.isAdmin ?? false,
    is_bot: user.isBot ?? false,
    deleted: user.deleted ?? false,
    profile: { display_name: user.name, real_name: realName, email: user.isBot ? undefined : email },
    presence: 'active',
    manual_presence: 'auto',
    connection_count: 1,
    // Ours: what the emulator does not know and users.info tells.
    flags: {
      is_owner: user.isOwner ?? false,
      is_restricted: Boolean(user.isGuest),
      is_ultra_restricted: user.isGuest === 'single',
      is_stranger: user.isStranger ?? false,
    },
  });
}
