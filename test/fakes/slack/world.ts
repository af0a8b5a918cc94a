import { startEmulator } from './emulator.ts';
import type { Door } from './door.ts';
import { createFaults } from './faults.ts';
import type { Settled } from './options.ts';
import { failure, isObject, randomId, randomWord, type Json } from './words.ts';

export interface Call {
  method: string;
  token: string | null;
  args: Json;
  at: number;
  /** Set when it is known: the error it was answered with, or 'ok'. */
  answer?: string;
}
export interface Violation {
  method: string;
  error: string;
  messages: string[];
  args: Json;
}
export interface Token {
  kind: 'bot' | 'app';
  status: 'ok' | 'token_revoked' | 'account_inactive' | 'token_expired' | 'invalid_auth';
}
export interface Stream {
  channel: string;
  ts: string;
  threadTs: string | undefined;
  mode: 'text' | 'chunks';
  display: 'timeline' | 'plan';
  state: 'streaming' | 'completed' | 'stopped_by_user';
  startedAt: number;
  text: string;
  plan: string | null;
  tasks: Map<string, Json>;
  blocks: Json[];
  recipient: { user: string | undefined; team: string | undefined };
}
export interface Session {
  channel: string;
  threadTs: string;
  status: 'processing' | 'active' | 'suspended' | 'closed' | 'expired';
  title: string | null;
  at: number;
}
export interface Private {
  user: string;
  channel: string;
  text: string;
  blocks?: Json[];
  thread_ts?: string;
  ts: string;
  /** How it came: chat.postEphemeral, a response_url, or the answer to a command. */
  via: 'api' | 'response_url' | 'ack';
}
export interface Responded {
  url: string;
  user: string;
  channel: string | undefined;
  body: Json;
  at: number;
  error: string | null;
}
export interface ResponseUrl {
  url: string;
  user: string;
  channel: string | undefined;
  message: { ts: string; ephemeral: boolean } | null;
  uses: number;
  until: number;
}
interface Kept {
  file: Json;
  bytes: Buffer;
}

/** Everything one fake Slack knows. The methods change it, the hands and the tests read it. */
export async function createWorld(settled: Settled, door: Door, heard: (world: World, envelope: Json) => void) {
  const emulator = await startEmulator(settled, (envelope) => heard(world, envelope));
  const { rows } = emulator;
  const world = {
    settled,
    door,
    rows,
    emulate: emulator.call,
    fetchEmulator: emulator.fetch,
    closeEmulator: emulator.close,
    faults: createFaults(),
    tokens: new Map<string, Token>([
      [settled.token, { kind: 'bot', status: 'ok' }],
      [settled.appToken, { kind: 'app', status: 'ok' }],
    ]),
    scopes: [...settled.scopes],
    botToken: settled.token,
    calls: new Array<Call>(),
    violations: new Array<Violation>(),
    /** Posts refused by the strict rate. */
    throttled: new Array<Call>(),
    rates: new Map<string, { tokens: number; at: number }>(),
    streams: new Map<string, Stream>(),
    sessions: new Array<Session>(),
    privates: new Array<Private>(),
    responded: new Array<Responded>(),
    responseUrls: new Map<string, ResponseUrl>(),
    files: new Map<string, Kept>(),
    /** What assistant.threads.setStatus shows now, by `channel:thread`. */
    statuses: new Map<string, { status: string; loading: string[]; at: number }>(),
    prompts: new Array<Json>(),
    titles: new Map<string, string>(),
    closedViews: new Set<string>(),
    codes: new Map<string, Json>(),
    refreshTokens: new Map<string, 'ok' | 'used'>(),
    /** What the person at the consent page does, and who it is. */
    consent: { userId: Object.keys(settled.users)[0] ?? '', deny: false },
    /** Fields of a message the emulator has no place for, by `channel:ts`. */
    extras: new Map<string, Json>(),
    /** Sends an event to the app; set by the bridge. */
    emit: (_event: Json): void => undefined,
    isInstalled: true,
    base: () => door.url,
    channelNamed: (nameOrId: string) =>
      rows.channels.findOneBy('channel_id', nameOrId) ??
      rows.channels.all().find((row) => !row['is_im'] && row['name'] === nameOrId.replace(/^#/, '')),
    userNamed: (nameOrId: string) =>
      rows.users.findOneBy('user_id', nameOrId) ??
      rows.users.all().find((row) => row['name'] === nameOrId.replace(/^@/, '')),
    violate: (method: string, error: string, messages: string[], args: Json): Json => {
      world.violations.push({ method, error, messages, args });
      return failure(error, { response_metadata: { messages } });
    },
  };
  return world;
}
export type World = Awaited<ReturnType<typeof createWorld>>;
export type Method = (world: World, args: Json, call: Call) => Json | Promise<Json>;

export function mustUser(world: World, nameOrId: string): Json {
  const user = world.userNamed(nameOrId);
  if (!user) throw new Error(`No such person in this Slack: ${nameOrId}`);
  return user;
}
export function mustChannel(world: World, nameOrId: string): Json {
  const channel = world.channelNamed(nameOrId);
  if (!channel) throw new Error(`No such channel in this Slack: ${nameOrId}`);
  return channel;
}

export const kindOf = (channel: Json | undefined): 'im' | 'mpim' | 'group' | 'channel' => {
  if (channel?.['is_im']) return 'im';
  if (channel?.['is_mpim']) return 'mpim';
  return channel?.['is_private'] ? 'group' : 'channel';
};

/** The direct conversation of the bot and a person, opened when there is none. */
export function directWith(world: World, userId: string, id = randomId('D0')): Json {
  const members = [userId, world.settled.botUserId];
  const known = world.rows.channels
    .all()
    .find((row) => row['is_im'] && members.every((member) => row['members'].includes(member)));
  if (known) return known;
  const at = Math.floor(Date.now() / 1000);
  const none = { value: '', creator: userId, last_set: at };
  return world.rows.channels.insert({
    channel_id: id,
    team_id: world.settled.teamId,
    name: 'direct',
    is_channel: false,
    is_private: true,
    is_im: true,
    is_mpim: false,
    is_open_by_user: Object.fromEntries(members.map((member) => [member, true])),
    user: userId,
    is_archived: false,
    topic: none,
    purpose: none,
    members,
    creator: userId,
    num_members: 2,
    last_read: {},
  });
}

export const messageAt = (world: World, channel: string, ts: string): Json | undefined =>
  world.rows.messages.findBy('ts', ts).find((row) => row['channel_id'] === channel);

/** Puts a message in a channel as the emulator would, with fields it has no place for. Gives the stored row. */
export function insertMessage(world: World, fields: Json, extras: Json = {}): Json {
  const row = world.rows.messages.insert({
    type: 'message',
    reply_count: 0,
    reply_users: [],
    reactions: [],
    ...fields,
  });
  if (Object.keys(extras).length > 0) world.extras.set(`${row['channel_id']}:${row['ts']}`, extras);
  const root = row['thread_ts'] ? messageAt(world, row['channel_id'], row['thread_ts']) : undefined;
  if (root) {
    const reply_users = [...new Set([...root['reply_users'], row['user']])];
    world.rows.messages.update(root['id'], { reply_count: root['reply_count'] + 1, reply_users });
  }
  return row;
}

/** A stored message as the Web API and events show it. */
export function wire(world: World, row: Json): Json {
  const extras = world.extras.get(`${row['channel_id']}:${row['ts']}`) ?? {};
  const isRoot = row['reply_count'] > 0;
  const rootTs = row['thread_ts'] ?? (isRoot ? row['ts'] : undefined);
  const root = rootTs && rootTs !== row['ts'] ? messageAt(world, row['channel_id'], rootTs) : undefined;
  const author = world.rows.users.findOneBy('user_id', row['user']);
  const files: Json[] | undefined = extras['files'] ?? row['files']?.map((file: Json) => fileOf(world, file));
  const shown = {
    subtype: row['subtype'],
    user: row['user'],
    type: 'message',
    ts: row['ts'],
    client_msg_id: row['client_msg_id'],
    bot_id: row['bot_id'],
    app_id: row['app_id'],
    text: row['text'],
    team: author?.['team_id'] ?? world.settled.teamId,
    blocks: row['blocks'],
    attachments: row['attachments'],
    metadata: row['metadata'],
    thread_ts: rootTs,
    parent_user_id: root?.['user'],
    edited: row['edited'],
    reactions: row['reactions']?.length > 0 ? row['reactions'] : undefined,
    reply_count: isRoot ? row['reply_count'] : undefined,
    reply_users: isRoot ? row['reply_users'] : undefined,
    ...extras,
    files,
  };
  return Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined));
}

/** An uploaded file of the emulator, with urls of our own door. */
export function fileOf(world: World, file: Json): Json {
  const kept = world.files.get(file['file_id'] ?? file['id']);
  if (kept) return kept.file;
  const id: string = file['file_id'];
  return fileObject(world, { id, name: file['name'], mime: file['mimetype'], size: file['size'], user: file['user'] });
}

export function fileObject(
  world: World,
  of: { id: string; name: string; mime: string; size: number; user: string },
): Json {
  const path = `${world.base()}/files-pri/${world.settled.teamId}-${of.id}`;
  const at = Math.floor(Date.now() / 1000);
  const filetype = of.name.includes('.') ? of.name.split('.').at(-1) : 'text';
  return {
    id: of.id,
    created: at,
    timestamp: at,
    name: of.name,
    title: of.name,
    mimetype: of.mime,
    filetype,
    pretty_type: filetype?.toUpperCase(),
    user: of.user,
    user_team: world.settled.teamId,
    editable: false,
    size: of.size,
    mode: 'hosted',
    is_external: false,
    external_type: '',
    is_public: true,
    public_url_shared: false,
    display_as_bot: false,
    url_private: `${path}/${encodeURIComponent(of.name)}`,
    url_private_download: `${path}/download/${encodeURIComponent(of.name)}`,
    permalink: `https://${world.settled.domain}.slack.com/files/${of.user}/${of.id}/x`,
    file_access: 'visible',
  };
}

/** Slack gives every block an id, and every element an action id. */
export function withIds(blocks: unknown): Json[] | undefined {
  if (!Array.isArray(blocks)) return undefined;
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill);
    if (!isObject(value)) return value;
    const inner = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, fill(one)]));
    const acts = /button|select|input|picker|overflow|checkboxes/.test(String(value['type']));
    return acts && !value['action_id'] ? { ...inner, action_id: randomWord().slice(0, 5) } : inner;
  };
  return blocks.map((block: Json) => ({ block_id: randomWord().slice(0, 5), ...(fill(block) as Json) }));
}

/** A trigger id a person's click made. It opens one view, within 3 seconds. */
export function newTrigger(world: World, userId: string, viewId?: string): string {
  const trigger = `${Date.now()}${Math.floor(Math.random() * 1e3)}.${world.settled.teamId.length}390125400.${randomWord()}`;
  world.rows.viewTriggers.insert({
    trigger_id: trigger,
    team_id: world.settled.teamId,
    user_id: userId,
    app_id: world.settled.appId,
    // The emulator counts whole seconds; `until` is what is checked.
    expires_at: Date.now() / 1000 + 3600,
    until: Date.now() + world.settled.triggerMs,
    used: false,
    ...(viewId ? { view_id: viewId } : {}),
  });
  return trigger;
}
