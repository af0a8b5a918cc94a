import { judgeBlocks, MARKDOWN } from './blocks.ts';
import { setSession } from './agents.ts';
import { writable } from './chat.ts';
import { insertMessage, kindOf, messageAt, wire, withIds, type Method, type Stream, type World } from './world.ts';
import { failure, omit, textOf, type Json } from './words.ts';

// Sources: docs.slack.dev chat.startStream / appendStream / stopStream (text 12,000 a call, details and output of a
// task 256); that a stream keeps the shape it was opened with, and is closed after about 5 minutes, is measured by others.
const TASK_TEXT = 256;
const TASK_STATUSES = ['pending', 'in_progress', 'complete', 'error'];

const start: Method = (world, args, call) => {
  const target = writable(world, args['channel']);
  if (!target['ok']) return target;
  const channel: Json = target['channel'];
  const isDirect = kindOf(channel) === 'im';
  if (isDirect && !args['thread_ts']) return failure('invalid_arguments');
  if (!isDirect && !args['recipient_user_id']) return failure('missing_recipient_user_id');
  if (!isDirect && !args['recipient_team_id']) return failure('missing_recipient_team_id');
  const person = args['recipient_user_id'] ? world.rows.users.findOneBy('user_id', args['recipient_user_id']) : null;
  if (args['recipient_user_id'] && !person) return failure('user_not_found');
  if (person && args['recipient_team_id'] && person['team_id'] !== args['recipient_team_id'])
    return failure('team_not_found');
  const wrong = judgeChunks(world, call.method, args, false);
  if (wrong) return wrong;
  const { botUserId, botId, appId } = world.settled;
  const row = insertMessage(world, {
    channel_id: channel['channel_id'],
    user: botUserId,
    bot_id: botId,
    app_id: appId,
    text: '',
    ...(args['thread_ts'] ? { thread_ts: args['thread_ts'] } : {}),
  });
  const stream: Stream = {
    channel: row['channel_id'],
    ts: row['ts'],
    threadTs: args['thread_ts'],
    mode: args['chunks'] === undefined ? 'text' : 'chunks',
    display: args['task_display_mode'] === 'plan' ? 'plan' : 'timeline',
    state: 'streaming',
    startedAt: Date.now(),
    text: '',
    plan: null,
    tasks: new Map(),
    blocks: [],
    recipient: { user: args['recipient_user_id'], team: args['recipient_team_id'] },
  };
  world.streams.set(`${stream.channel}:${stream.ts}`, stream);
  absorb(world, stream, args);
  world.statuses.delete(`${stream.channel}:${stream.threadTs ?? ''}`);
  world.emit({ type: 'message', channel: stream.channel, user: botUserId, ts: stream.ts });
  return { ok: true, channel: stream.channel, ts: stream.ts };
};

/** The running stream a call is about, or why there is none. */
function running(world: World, args: Json): { stream: Stream } | { error: Json } {
  const row = messageAt(world, textOf(args['channel']), textOf(args['ts']));
  if (!row)
    return { error: failure(world.channelNamed(textOf(args['channel'])) ? 'message_not_found' : 'channel_not_found') };
  if (row['user'] !== world.settled.botUserId) return { error: failure('message_not_owned_by_app') };
  const stream = world.streams.get(`${args['channel']}:${args['ts']}`);
  if (stream?.state === 'stopped_by_user') return { error: failure('stopped_by_user') };
  if (!stream || streamState(world, stream) !== 'in_progress')
    return { error: failure('message_not_in_streaming_state') };
  return { stream };
}

export function streamState(world: World, stream: Stream): 'in_progress' | 'completed' | 'errored' {
  if (stream.state !== 'streaming') return 'completed';
  return Date.now() - stream.startedAt < world.settled.streamTimeoutMs ? 'in_progress' : 'errored';
}

const append: Method = (world, args, call) => {
  const found = running(world, args);
  if ('error' in found) return found.error;
  const { stream } = found;
  const wrong = judgeChunks(world, call.method, args, true) ?? mismatch(world, stream, args, call.method);
  if (wrong) return wrong;
  absorb(world, stream, args);
  return { ok: true, channel: stream.channel, ts: stream.ts };
};

const stop: Method = (world, args, call) => {
  const found = running(world, args);
  if ('error' in found) return found.error;
  const { stream } = found;
  const wrong = judgeChunks(world, call.method, args, false) ?? mismatch(world, stream, args, call.method);
  if (wrong) return wrong;
  const verdict = args['blocks'] === undefined ? null : judgeBlocks(args['blocks']);
  if (verdict) return world.violate(call.method, verdict.error, verdict.messages, args);
  absorb(world, stream, args);
  stream.blocks.push(...(withIds(args['blocks']) ?? []));
  stream.state = 'completed';
  show(world, stream);
  const row = messageAt(world, stream.channel, stream.ts);
  if (row && args['metadata']) world.rows.messages.update(row['id'], { metadata: args['metadata'] });
  if (args['session_status'] && stream.threadTs) {
    const changed = setSession(world, stream.channel, stream.threadTs, args['session_status']);
    if (!changed['ok']) return changed;
  }
  const message = row ? wire(world, row) : {};
  world.emit({
    type: 'message',
    subtype: 'message_changed',
    hidden: true,
    channel: stream.channel,
    message,
    previous_message: message,
  });
  return { ok: true, channel: stream.channel, ts: stream.ts, message };
};

function mismatch(world: World, stream: Stream, args: Json, method: string): Json | null {
  const isChunks = args['chunks'] !== undefined && args['chunks'].length > 0;
  const isText = args['markdown_text'] !== undefined;
  if (!(stream.mode === 'text' ? isChunks : isText)) return null;
  return world.violate(method, 'streaming_mode_mismatch', [`[ERROR] the stream was opened with ${stream.mode}`], args);
}

function judgeChunks(world: World, method: string, args: Json, mustHold: boolean): Json | null {
  const refuse = (error: string, what: string) => world.violate(method, error, [`[ERROR] ${what}`], args);
  const { chunks, markdown_text: markdown } = args;
  if (chunks !== undefined && markdown !== undefined)
    return refuse('cannot_provide_both_markdown_text_and_chunks', 'both markdown_text and chunks');
  if (mustHold && chunks === undefined && !markdown) return refuse('no_text', 'neither markdown_text nor chunks');
  if (textOf(markdown).length > MARKDOWN) return refuse('msg_too_long', `markdown_text over ${MARKDOWN}`);
  if (chunks === undefined) return null;
  if (!Array.isArray(chunks)) return refuse('invalid_chunks', 'chunks must be an array');
  const text = chunks.map((chunk) => (chunk?.type === 'markdown_text' ? textOf(chunk.text) : '')).join('');
  if (text.length > MARKDOWN) return refuse('msg_too_long', `markdown_text chunks over ${MARKDOWN}`);
  for (const [index, chunk] of chunks.entries()) {
    const wrong = chunkFault(chunk);
    if (wrong) return refuse('invalid_chunks', `${wrong} [json-pointer:/chunks/${index}]`);
    const verdict = chunk.type === 'blocks' ? judgeBlocks(chunk.blocks) : null;
    if (verdict) return world.violate(method, verdict.error, verdict.messages, args);
  }
  return null;
}

function chunkFault(chunk: Json): string | null {
  if (chunk?.['type'] === 'markdown_text') return typeof chunk['text'] === 'string' ? null : 'text must be a string';
  if (chunk?.['type'] === 'plan_update') return textOf(chunk['title']) ? null : 'title is missing';
  if (chunk?.['type'] === 'blocks') return Array.isArray(chunk['blocks']) ? null : 'blocks must be an array';
  if (chunk?.['type'] !== 'task_update') return `unknown chunk type ${chunk?.['type']}`;
  if (!textOf(chunk['id']) || !textOf(chunk['title'])) return 'a task needs id and title';
  if (!TASK_STATUSES.includes(chunk['status'])) return `unknown status ${chunk['status']}`;
  if (textOf(chunk['details']).length > TASK_TEXT) return `details over ${TASK_TEXT} characters`;
  if (textOf(chunk['output']).length > TASK_TEXT) return `output over ${TASK_TEXT} characters`;
  return null;
}

function absorb(world: World, stream: Stream, args: Json): void {
  stream.text += textOf(args['markdown_text']);
  for (const chunk of args['chunks'] ?? []) {
    if (chunk.type === 'markdown_text') stream.text += chunk.text;
    if (chunk.type === 'plan_update') stream.plan = chunk.title;
    if (chunk.type === 'blocks') stream.blocks.push(...(withIds(chunk.blocks) ?? []));
    if (chunk.type !== 'task_update') continue;
    const task = omit(chunk, 'type');
    const before = stream.tasks.get(chunk.id) ?? {};
    // Details and output grow; the rest is replaced.
    const grown = (part: string) => textOf(before[part]) + textOf(task[part]);
    stream.tasks.set(chunk.id, { ...before, ...task, details: grown('details'), output: grown('output') });
  }
  show(world, stream);
}

const rich = (text: string): Json => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text }] }],
});
const card = (task: Json): Json => ({
  type: 'task_card',
  task_id: task['id'],
  title: task['title'],
  status: task['status'],
  ...(task['details'] ? { details: rich(task['details']) } : {}),
  ...(task['output'] ? { output: rich(task['output']) } : {}),
  ...(task['sources'] ? { sources: task['sources'] } : {}),
});

/** Writes what has been streamed so far into the stored message. */
function show(world: World, stream: Stream): void {
  const row = messageAt(world, stream.channel, stream.ts);
  if (!row) return;
  const tasks = [...stream.tasks.values()];
  const cards = tasks.map(card);
  const planned = stream.display === 'plan' || stream.plan !== null;
  const work =
    planned && cards.length > 0 ? [{ type: 'plan', title: stream.plan ?? tasks[0]?.['title'], tasks: cards }] : cards;
  const said = stream.text === '' ? [] : [{ type: 'markdown', text: stream.text }];
  world.rows.messages.update(row['id'], {
    text: stream.text,
    blocks: [...(withIds([...work, ...said]) ?? []), ...stream.blocks],
  });
}

export const streamMethods: Record<string, Method> = {
  'chat.startStream': start,
  'chat.appendStream': append,
  'chat.stopStream': stop,
};
