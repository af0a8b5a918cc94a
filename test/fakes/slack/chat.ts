import { judgeBlocks, MARKDOWN } from './blocks.ts';
import { mentions } from './text.ts';
import { directWith, kindOf, messageAt, wire, withIds, type Method, type World } from './world.ts';
import { failure, isObject, omit, textOf, type Json } from './words.ts';

// Sources: docs.slack.dev, chat.postMessage (text is cut there; here it is refused) and chat.update (msg_too_long over 4,000).
const TEXT = 40_000;
const EDITED_TEXT = 4_000;

/** What is wrong with a message's text, blocks or metadata; null when it may be posted. */
export function judgeMessage(world: World, method: string, args: Json): Json | null {
  const text = textOf(args['text']);
  const markdown = textOf(args['markdown_text']);
  const refuse = (error: string, what: string) => world.violate(method, error, [`[ERROR] ${what}`], args);
  if (args['markdown_text'] !== undefined && (args['text'] !== undefined || args['blocks'] !== undefined))
    return refuse('markdown_text_conflict', 'markdown_text together with text or blocks');
  if (markdown.length > MARKDOWN) return refuse('msg_too_long', `markdown_text over ${MARKDOWN}`);
  const max = method === 'chat.update' ? EDITED_TEXT : TEXT;
  if (text.length > max) return refuse('msg_too_long', `text over ${max}`);
  const verdict = args['blocks'] === undefined ? null : judgeBlocks(args['blocks']);
  if (verdict) return world.violate(method, verdict.error, verdict.messages, args);
  // Slack only warns, but then notifications and screen readers get nothing.
  if (args['blocks'] !== undefined && text === '') note(world, method, 'blocks without a text for notifications', args);
  if (args['link_names'] || args['parse'] === 'full') note(world, method, 'link_names or parse=full', args);
  if (mentions({ text, blocks: args['blocks'] }).some((one) => /^<!(channel|here|everyone)/.test(one)))
    note(world, method, 'mentions everybody', args);
  const metadata = args['metadata'];
  if (metadata === undefined) return null;
  const isWhole = isObject(metadata) && textOf(metadata['event_type']) && isObject(metadata['event_payload']);
  return isWhole ? null : refuse('invalid_metadata_format', 'metadata needs event_type and event_payload');
}

/** Accepted by Slack, yet wrong for us: recorded, not refused. */
const note = (world: World, method: string, what: string, args: Json): void =>
  void world.violations.push({ method, error: 'accepted_but', messages: [`[WARN] ${what}`], args });

/** The conversation a bot may write in, or the error. A user's id stands for their direct messages. */
export function writable(world: World, channelArg: unknown): Json {
  const id = textOf(channelArg);
  const person = world.rows.users.findOneBy('user_id', id);
  if (person?.['deleted']) return failure('user_disabled');
  const channel = person ? directWith(world, id) : world.channelNamed(id);
  if (!channel) return failure('channel_not_found');
  if (channel['is_archived']) return failure('is_archived');
  if (channel['members'].includes(world.settled.botUserId)) return { ok: true, channel };
  if (kindOf(channel) !== 'channel') return failure('channel_not_found');
  return world.scopes.includes('chat:write.public') ? { ok: true, channel } : failure('not_in_channel');
}

const content = (args: Json): Json => {
  const { markdown_text, ...rest } = args;
  const blocks = withIds(args['blocks']);
  return { ...rest, ...(markdown_text === undefined ? {} : { text: markdown_text }), ...(blocks ? { blocks } : {}) };
};

const postMessage: Method = async (world, args, call) => {
  const target = writable(world, args['channel']);
  if (!target['ok']) return target;
  const wrong = judgeMessage(world, call.method, args);
  if (wrong) return wrong;
  const channel: string = target['channel'].channel_id;
  const root = args['thread_ts'] ? messageAt(world, channel, args['thread_ts']) : undefined;
  if (root?.['thread_ts'] && root['thread_ts'] !== root['ts'])
    note(world, call.method, 'thread_ts is a reply, not the root', args);
  const { botId, appId } = world.settled;
  const answer = await world.emulate(call.method, { ...content(args), channel, bot_id: botId, app_id: appId });
  if (!answer['ok']) return answer;
  // A reply ends the "is thinking…" line of its thread.
  world.statuses.delete(`${channel}:${args['thread_ts'] ?? ''}`);
  const row = messageAt(world, channel, answer['message'].ts);
  const message = omit(row ? wire(world, row) : answer['message'], 'metadata');
  return { ok: true, channel, ts: message['ts'], message };
};

const update: Method = async (world, args, call) => {
  const wrong = judgeMessage(world, call.method, args);
  if (wrong) return wrong;
  const key = `${args['channel']}:${args['ts']}`;
  const stream = world.streams.get(key);
  const isRunning = stream?.state === 'streaming' && Date.now() - stream.startedAt < world.settled.streamTimeoutMs;
  if (isRunning) return failure('streaming_state_conflict');
  const answer = await world.emulate(call.method, content(args));
  if (!answer['ok']) return answer;
  // An edited stream is an ordinary message from then on.
  if (stream && (args['blocks'] !== undefined || args['text'] !== undefined)) {
    world.streams.delete(key);
    world.extras.delete(key);
  }
  const row = messageAt(world, args['channel'], args['ts']);
  return { ...answer, message: row ? wire(world, row) : answer['message'] };
};

const postEphemeral: Method = async (world, args, call) => {
  const target = writable(world, args['channel']);
  if (!target['ok']) return target;
  const wrong = judgeMessage(world, call.method, args);
  if (wrong) return wrong;
  const channel: string = target['channel'].channel_id;
  const person = world.rows.users.findOneBy('user_id', textOf(args['user']));
  if (!person) return failure('user_not_found');
  const answer = await world.emulate(call.method, { ...content(args), channel });
  if (!answer['ok']) return answer;
  const { text, blocks } = content(args) as { text?: string; blocks?: Json[] };
  world.privates.push({
    user: person['user_id'],
    channel,
    text: text ?? '',
    ...(blocks ? { blocks } : {}),
    ...(args['thread_ts'] ? { thread_ts: args['thread_ts'] } : {}),
    ts: answer['message_ts'],
    via: 'api',
  });
  return answer;
};

const getPermalink: Method = (world, args) => {
  const row = messageAt(world, textOf(args['channel']), textOf(args['message_ts']));
  if (!row) return failure(world.channelNamed(textOf(args['channel'])) ? 'message_not_found' : 'channel_not_found');
  const root = row['thread_ts'] && row['thread_ts'] !== row['ts'];
  const query = root ? `?thread_ts=${row['thread_ts']}&cid=${row['channel_id']}` : '';
  const path = `${row['channel_id']}/p${String(row['ts']).replace('.', '')}${query}`;
  return {
    ok: true,
    channel: row['channel_id'],
    permalink: `https://${world.settled.domain}.slack.com/archives/${path}`,
  };
};

export const chatMethods: Record<string, Method> = {
  'chat.postMessage': postMessage,
  'chat.update': update,
  'chat.postEphemeral': postEphemeral,
  'chat.getPermalink': getPermalink,
};
