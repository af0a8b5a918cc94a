import { directWith, kindOf, wire, type Method, type World } from './world.ts';
import { failure, textOf, type Json } from './words.ts';

const PAGE = 100;

function readable(world: World, channelArg: unknown): Json | null {
  const channel = world.rows.channels.findOneBy('channel_id', textOf(channelArg));
  if (!channel) return failure('channel_not_found');
  if (channel['members'].includes(world.settled.botUserId)) return null;
  return failure(kindOf(channel) === 'channel' ? 'not_in_channel' : 'channel_not_found');
}

/** One page of rows between `oldest` and `latest`, as asked for; the cursor is the ts to go on from. */
function page(world: World, rows: Json[], args: Json): Json {
  const oldest = Number(args['oldest'] ?? 0);
  const latest = args['latest'] === undefined ? Infinity : Number(args['latest']);
  const isIn = ({ ts }: Json) => {
    const at = Number(ts);
    return args['inclusive'] ? at >= oldest && at <= latest : at > oldest && at < latest;
  };
  const from = textOf(args['cursor']) ? rows.findIndex((row) => row['ts'] === args['cursor']) : 0;
  const all = rows.slice(Math.max(0, from)).filter(isIn);
  const limit = Math.min(1000, Number(args['limit']) || PAGE);
  const rest = all[limit];
  return {
    ok: true,
    messages: all.slice(0, limit).map((row) => {
      const { metadata, ...message } = wire(world, row);
      return args['include_all_metadata'] && metadata ? { ...message, metadata } : message;
    }),
    has_more: rest !== undefined,
    ...(rest ? { response_metadata: { next_cursor: rest['ts'] } } : {}),
  };
}

const byTs = (one: Json, other: Json): number => Number(one['ts']) - Number(other['ts']);

const replies: Method = (world, args) => {
  const refused = readable(world, args['channel']);
  if (refused) return refused;
  const rows = world.rows.messages.findBy('channel_id', args['channel']);
  const asked = rows.find((row) => row['ts'] === args['ts']);
  if (!asked) return failure('thread_not_found');
  const root: string = asked['thread_ts'] ?? asked['ts'];
  const thread = rows.filter((row) => row['ts'] === root || row['thread_ts'] === root).sort(byTs);
  const answer = page(world, thread, args);
  // The root comes whatever the time asked for.
  const isThere = answer['messages'].some((message: Json) => message['ts'] === root);
  const first = thread.find((row) => row['ts'] === root);
  if (!isThere && first && !textOf(args['cursor']))
    answer['messages'].unshift(...page(world, [first], { ...args, oldest: 0, latest: undefined })['messages']);
  return answer;
};

const history: Method = (world, args) => {
  const refused = readable(world, args['channel']);
  if (refused) return refused;
  const rows = world.rows.messages
    .findBy('channel_id', args['channel'])
    .filter((row) => !row['thread_ts'] || row['thread_ts'] === row['ts'] || row['subtype'] === 'thread_broadcast');
  return page(world, rows.sort(byTs).toReversed(), args);
};

const open: Method = (world, args) => {
  const ids = textOf(args['users']).split(',').filter(Boolean);
  if (ids.length !== 1) return world.emulate('conversations.open', args);
  const person = world.rows.users.findOneBy('user_id', ids[0] ?? '');
  if (!person) return failure('user_not_found');
  if (person['deleted']) return failure('user_disabled');
  if (person['is_bot']) return failure('cannot_dm_bot');
  const channel = directWith(world, person['user_id']);
  return {
    ok: true,
    channel: { id: channel['channel_id'], ...(args['return_im'] ? { is_im: true, user: person['user_id'] } : {}) },
  };
};

const READ = { im: 'im:read', mpim: 'mpim:read', group: 'groups:read', channel: 'channels:read' } as const;

const info: Method = async (world, args) => {
  const channel = world.rows.channels.findOneBy('channel_id', textOf(args['channel']));
  const needed = READ[kindOf(channel)];
  if (!world.scopes.includes(needed)) return failure('missing_scope', { needed, provided: world.scopes.join(',') });
  const answer = await world.emulate('conversations.info', args);
  if (!answer['ok'] || !channel) return answer;
  const isShared = world.settled.channels[channel['name']]?.isExtShared ?? false;
  const is_member = channel['members'].includes(world.settled.botUserId);
  if (channel['is_private'] && !is_member) return failure('channel_not_found');
  const context_team_id = world.settled.teamId;
  return {
    ...answer,
    channel: { ...answer['channel'], is_member, is_ext_shared: isShared, is_shared: isShared, context_team_id },
  };
};

export const conversationMethods: Record<string, Method> = {
  'conversations.replies': replies,
  'conversations.history': history,
  'conversations.open': open,
  'conversations.info': info,
};
