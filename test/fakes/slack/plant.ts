import { addChannel, addToken, addUser } from './emulator.ts';
import { directWith, insertMessage, messageAt, type World } from './world.ts';
import { isObject, type Json } from './words.ts';

/**
 * Makes the person, the channel and the messages a recorded payload speaks of exist here, under the payload's ids, so
 * that what the app does about it succeeds. Takes an event envelope, an interaction or a slash command's fields.
 */
export function plant(world: World, body: Json): void {
  const { event = {} } = body;
  const userId: unknown = event.user ?? body['user']?.id ?? body['user_id'];
  const channelId: unknown = event.channel ?? event.item?.channel ?? body['channel']?.id ?? body['channel_id'];
  if (typeof userId === 'string') person(world, userId);
  if (typeof channelId !== 'string') return;
  place(world, channelId, typeof userId === 'string' ? userId : world.settled.botUserId);
  const message: unknown = body['message'] ?? (event.type === 'message' || event.type === 'app_mention' ? event : null);
  const reacted = event.item?.ts ? { ts: event.item.ts, user: event.item_user } : null;
  for (const one of [message, reacted])
    if (isObject(one) && one['ts']) put(world, channelId, one, body['type'] === 'block_actions' || one === reacted);
}

function person(world: World, id: string): void {
  if (world.rows.users.findOneBy('user_id', id)) return;
  const { teamId } = world.settled;
  addUser(world.rows, { id, name: id.toLowerCase(), teamId });
  addToken(world.rows, { userId: id, teamId });
}

function place(world: World, id: string, userId: string): void {
  if (world.rows.channels.findOneBy('channel_id', id)) return;
  if (id.startsWith('D')) return void directWith(world, userId, id);
  const { teamId, botUserId } = world.settled;
  addChannel(world.rows, { id, name: id.toLowerCase(), teamId, isPrivate: false, members: [userId, botUserId] });
}

function put(world: World, channel: string, message: Json, isOwn: boolean): void {
  const root = message['thread_ts'];
  if (root && root !== message['ts'])
    put(world, channel, { ts: root, user: message['parent_user_id'], text: '' }, false);
  if (messageAt(world, channel, message['ts'])) return;
  // The recorded app's own bot becomes ours.
  const isApp = message['bot_id'] || !message['user'] || isOwn;
  const { botUserId, botId, appId } = world.settled;
  const author = isApp ? { user: botUserId, bot_id: botId, app_id: appId } : { user: message['user'] };
  if (!isApp) person(world, message['user']);
  const { text = '', blocks, thread_ts, ts } = message;
  insertMessage(world, { channel_id: channel, fixedTs: ts, text, blocks, thread_ts, ...author });
}
