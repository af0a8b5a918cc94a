import { randomUUID } from 'node:crypto';
import type { Answered, Bridge } from './bridge.ts';
import { createClicks } from './clicks.ts';
import { newResponseUrl, showAck } from './responses.ts';
import { richBlocks, typed } from './typing.ts';
import { viewOf } from './views.ts';
import { directWith, insertMessage, mustChannel, mustUser, newTrigger, wire, type World } from './world.ts';
import { nextTs, type Json } from './words.ts';

export interface SayOptions {
  threadTs?: string;
  /** File objects of `addFile`. */
  files?: Json[];
  /** "Also send to the channel". */
  broadcast?: boolean;
  /** Send the text as it is: no mentions made, nothing escaped. */
  raw?: boolean;
  /** What the person is looking at, in an agent's direct messages. */
  context?: Json[];
}

/** What one person does in their Slack. Names or ids for people and channels; a person's text may hold `@bot`, `@ana`. */
export function createHands(world: World, bridge: Bridge, name: string) {
  const user = mustUser(world, name);
  const userId: string = user['user_id'];
  const { settled } = world;

  const sayIn = async (channel: string, text: string, options: SayOptions): Promise<string> => {
    const said = options.raw ? text : typed(world, text);
    const fields = {
      text: said,
      blocks: said === '' ? undefined : richBlocks(said),
      client_msg_id: randomUUID(),
      ...(options.threadTs ? { thread_ts: options.threadTs } : {}),
    };
    if (!options.files && !options.broadcast && !options.context) {
      const answer = await world.emulate('chat.postMessage', { channel, ...fields }, userId);
      if (!answer['ok']) throw new Error(`${name} could not say it: ${answer['error']}`);
      return answer['message'].ts;
    }
    const subtype = options.broadcast ? 'thread_broadcast' : options.files ? 'file_share' : undefined;
    const extras = {
      ...(options.files ? { files: options.files, upload: false } : {}),
      ...(options.context ? { app_context: { entities: options.context } } : {}),
    };
    const row = insertMessage(world, { channel_id: channel, user: userId, subtype, ...fields }, extras);
    world.emit({ type: 'message', subtype, user: userId, channel, ts: row['ts'], text: said });
    return row['ts'];
  };

  const context = (channel: Json) => ({
    token: 'legacy-verification-token',
    team_id: user['flags']?.is_stranger ? user['team_id'] : settled.teamId,
    team_domain: settled.domain,
    ...(settled.enterprise ? { enterprise_id: settled.enterprise.id, enterprise_name: settled.enterprise.name } : {}),
    channel_id: channel['channel_id'],
    channel_name: channel['is_im'] ? 'directmessage' : channel['name'],
    user_id: userId,
    user_name: user['name'],
    api_app_id: settled.appId,
    is_enterprise_install: String(settled.isEnterpriseInstall),
  });
  const opened = (tab: string) => {
    const home = world.rows.views.all().find((row) => row['type'] === 'home' && row['user_id'] === userId);
    return tab === 'home' && home ? { view: viewOf(world, home) } : {};
  };

  return {
    id: userId,
    /** The id of their direct messages with the bot. */
    dmChannel: (): string => directWith(world, userId)['channel_id'],
    /** Says something in a channel. Gives its ts. */
    say: (channel: string, text: string, options: SayOptions = {}): Promise<string> =>
      sayIn(mustChannel(world, channel)['channel_id'], text, options),
    /** Writes to the bot directly. Gives the ts. */
    dm: (text: string, options: SayOptions = {}): Promise<string> =>
      sayIn(directWith(world, userId)['channel_id'], text, options),
    edit: async (channel: string, ts: string, text: string): Promise<void> => {
      const said = typed(world, text);
      const args = { channel: mustChannel(world, channel)['channel_id'], ts, text: said, blocks: richBlocks(said) };
      await world.emulate('chat.update', args, userId);
    },
    remove: async (channel: string, ts: string): Promise<void> => {
      await world.emulate('chat.delete', { channel: mustChannel(world, channel)['channel_id'], ts }, userId);
    },
    react: async (channel: string, ts: string, emoji: string): Promise<void> => {
      const args = { channel: mustChannel(world, channel)['channel_id'], timestamp: ts, name: emoji };
      await world.emulate('reactions.add', args, userId);
    },
    /** Joins a channel: a `channel_join` message and member_joined_channel. */
    join: (channel: string): void => {
      const row = mustChannel(world, channel);
      world.rows.channels.update(row['id'], { members: [...new Set([...row['members'], userId])] });
      joined(world, row, userId, undefined);
    },
    /** Brings the bot into a channel. */
    invite: (channel: string): void => {
      const row = mustChannel(world, channel);
      world.rows.channels.update(row['id'], { members: [...new Set([...row['members'], settled.botUserId])] });
      joined(world, row, settled.botUserId, userId);
    },
    /** Shares (forwards) a message of the bot into another channel. */
    forward: (message: Json, to: string): void => {
      const channel: string = mustChannel(world, to)['channel_id'];
      const attachment = {
        is_msg_unfurl: true,
        is_share: true,
        message_blocks: [{ message: { blocks: message['blocks'] } }],
        text: message['text'],
        ts: message['ts'],
        author_id: message['user'],
      };
      const row = insertMessage(world, { channel_id: channel, user: userId, text: '', attachments: [attachment] });
      world.emit({ type: 'message', user: userId, channel, ts: row['ts'], text: '' });
    },
    /** Types a slash command, `/abet do this`. Gives the app's answer. */
    command: async (
      text: string,
      { channel }: { channel?: string } = {},
    ): Promise<Answered & { triggerId: string; responseUrl: string }> => {
      const where = channel ? mustChannel(world, channel) : directWith(world, userId);
      const [command = '', ...rest] = text.split(' ');
      const of = { user: userId, channel: where['channel_id'] };
      const responseUrl = newResponseUrl(world, { ...of, message: null }, 'commands');
      const triggerId = newTrigger(world, userId);
      // should_escape: mentions come as <@U…|name>.
      const said = typed(world, rest.join(' ')).replaceAll(
        /<@(\w+)>/g,
        (_all, id) => `<@${id}|${world.userNamed(id)?.['name']}>`,
      );
      const fields = {
        ...context(where),
        command,
        text: said.replaceAll(/<mailto:[^|]+\|([^>]+)>/g, '$1'),
        response_url: responseUrl,
        trigger_id: triggerId,
      };
      const answered = await bridge.interact('slash_commands', fields);
      if (answered.status === 200) showAck(world, of, answered.body);
      return { ...answered, triggerId, responseUrl };
    },
    ...createClicks(world, bridge, user),
    openHome: (tab: 'home' | 'messages' = 'home', entities?: Json[]): void =>
      world.emit({
        type: 'app_home_opened',
        user: userId,
        channel: directWith(world, userId)['channel_id'],
        tab,
        ...opened(tab),
        ...(entities ? { context: { entities } } : {}),
        event_ts: nextTs(),
      }),
    /** They look at something else while the agent's pane is open. */
    changeContext: (entities: Json[]): void =>
      world.emit({
        type: 'app_context_changed',
        user: userId,
        channel: directWith(world, userId)['channel_id'],
        context: { entities },
        event_ts: nextTs(),
      }),
    /** Presses the native Stop button of a session. Gives the streams it stopped. */
    stopSession: (channel: string, threadTs: string): string[] => {
      const id: string = mustChannel(world, channel)['channel_id'];
      const own = [...world.streams.values()].filter(
        (one) => one.channel === id && one.threadTs === threadTs && one.state === 'streaming',
      );
      for (const one of own) one.state = 'stopped_by_user';
      const streaming_message_ts = own.map((one) => one.ts);
      world.emit({
        type: 'agent_session_stopped',
        channel: id,
        user: userId,
        thread_ts: threadTs,
        streaming_message_ts,
        event_ts: nextTs(),
      });
      return streaming_message_ts;
    },
  };
}
export type Hands = ReturnType<typeof createHands>;

function joined(world: World, channel: Json, user: string, inviter: string | undefined): void {
  const id: string = channel['channel_id'];
  const by = inviter ? { inviter } : {};
  const row = insertMessage(world, {
    channel_id: id,
    user,
    subtype: 'channel_join',
    text: `<@${user}> has joined the channel`,
  });
  world.emit({ ...wire(world, row), channel: id, ...by });
  world.emit({
    type: 'member_joined_channel',
    user,
    channel: id,
    channel_type: 'C',
    team: world.settled.teamId,
    ...by,
  });
}
