import { messageAt, type Method, type Session, type World } from './world.ts';
import { failure, success, textOf, type Json } from './words.ts';

const STATUSES = ['processing', 'active', 'suspended', 'closed'];
// Sources: @slack/web-api 8.2 (titles 200), docs.slack.dev assistant.threads.setSuggestedPrompts (4 prompts).
const TITLE = 200;
const PROMPTS = 4;
const LOADING_MESSAGES = 10;
// docs.slack.dev, assistant.threads.setStatus: maxLength of loading_messages' items; that it holds for the status: getsentry/junior#56.
const STATUS_LINE = 50;

/** A session's records in order, with the expiry of a `processing` that nobody renewed put in where it happened. */
export function sessionHistory(world: World, channel: string, threadTs: string): Session[] {
  const own = world.sessions.filter((one) => one.channel === channel && one.threadTs === threadTs);
  return own.flatMap((one, index) => {
    const endsAt = one.at + world.settled.sessionExpiryMs;
    const isOver = one.status === 'processing' && (own[index + 1]?.at ?? Date.now()) > endsAt;
    return isOver ? [one, { ...one, status: 'expired' as const, at: endsAt }] : [one];
  });
}
export const sessionNow = (world: World, channel: string, threadTs: string): Session | undefined =>
  sessionHistory(world, channel, threadTs).at(-1);

export function setSession(world: World, channel: string, threadTs: string, status: string, title?: string): Json {
  if (!STATUSES.includes(status)) return failure('invalid_arguments', { response_metadata: { messages: ['status'] } });
  const known = world.sessions.findLast((one) => one.channel === channel && one.threadTs === threadTs);
  const named = known?.title ?? title ?? null;
  world.sessions.push({ channel, threadTs, status: status as Session['status'], title: named, at: Date.now() });
  return success({ status, agent_status: status, ...(named ? { title: named } : {}) });
}

/** The thread a call names, or the error. */
function inThread(world: World, args: Json): Json | null {
  const channel = world.rows.channels.findOneBy('channel_id', textOf(args['channel_id']));
  if (!channel || !channel['members'].includes(world.settled.botUserId)) return failure('channel_not_found');
  if (!textOf(args['thread_ts'])) return failure('invalid_thread_ts');
  return messageAt(world, channel['channel_id'], args['thread_ts']) ? null : failure('invalid_thread_ts');
}

const setStatus: Method = (world, args, call) => {
  const wrong = inThread(world, args);
  if (wrong) return wrong;
  if (textOf(args['title']).length > TITLE) return world.violate(call.method, 'invalid_arguments', ['title'], args);
  const answer = setSession(world, args['channel_id'], args['thread_ts'], textOf(args['status']), args['title']);
  if (world.settled.events.includes('agent_session_stopped')) return answer;
  return { ...answer, warning: 'missing_agent_session_stopped_event_subscription' };
};

const rename: Method = (world, args, call) => {
  const wrong = inThread(world, args);
  if (wrong) return wrong;
  const title = textOf(args['title']);
  if (title.length < 1 || title.length > TITLE) return world.violate(call.method, 'invalid_arguments', ['title'], args);
  const own = world.sessions.filter((one) => one.channel === args['channel_id'] && one.threadTs === args['thread_ts']);
  if (own.length === 0) return failure('session_not_found');
  for (const one of own) one.title = title;
  return success({ title });
};

const threadStatus: Method = (world, args, call) => {
  const wrong = inThread(world, args);
  if (wrong) return wrong;
  const loading: unknown[] = args['loading_messages'] ?? [];
  const isGood = loading.every((line) => textOf(line) !== '' && textOf(line).length <= STATUS_LINE);
  if (loading.length > LOADING_MESSAGES || !isGood)
    return world.violate(call.method, 'invalid_arguments', ['loading_messages'], args);
  if (textOf(args['status']).length > STATUS_LINE)
    return world.violate(call.method, 'invalid_arguments', ['status'], args);
  const key = `${args['channel_id']}:${args['thread_ts']}`;
  if (args['status']) world.statuses.set(key, { status: args['status'], loading: loading.map(textOf), at: Date.now() });
  else world.statuses.delete(key);
  return success();
};

const prompts: Method = (world, args, call) => {
  const channel = world.rows.channels.findOneBy('channel_id', textOf(args['channel_id']));
  if (!channel) return failure('channel_not_found');
  const all: Json[] = Array.isArray(args['prompts']) ? args['prompts'] : [];
  const isGood =
    all.length > 0 && all.length <= PROMPTS && all.every((one) => textOf(one['title']) && textOf(one['message']));
  if (!isGood) return world.violate(call.method, 'invalid_arguments', ['prompts'], args);
  world.prompts.push({ ...args, at: Date.now() });
  return success();
};

const title: Method = (world, args) => {
  const wrong = inThread(world, args);
  if (wrong) return wrong;
  world.titles.set(`${args['channel_id']}:${args['thread_ts']}`, textOf(args['title']));
  return success();
};

export const agentMethods: Record<string, Method> = {
  'agents.sessions.setStatus': setStatus,
  'agents.sessions.rename': rename,
  'assistant.threads.setStatus': threadStatus,
  'assistant.threads.setSuggestedPrompts': prompts,
  'assistant.threads.setTitle': title,
};
