import { kindOf, messageAt, wire, type World } from './world.ts';
import { nextTs, omit, randomId, type Json } from './words.ts';

/** The emulator's thin event as the one or two events Slack would send; none when the app would not hear of it. */
export function completed(world: World, thin: Json): Json[] {
  const type: string = thin['type'];
  const channel = world.rows.channels.findOneBy('channel_id', thin['channel'] ?? thin['item']?.channel ?? '');
  const isIn = !channel || channel['members'].includes(world.settled.botUserId);
  if (!isIn) return [];
  const event: Json = { ...thin, event_ts: thin['event_ts'] ?? thin['ts'] ?? nextTs() };
  if (type !== 'message') return subscribed(world, type) ? [event] : [];
  const whole = completeMessage(world, event);
  const kind = kindOf(channel);
  const events: Json[] = [];
  const plural = kind === 'im' || kind === 'mpim' ? kind : `${kind}s`;
  if (subscribed(world, `message.${plural}`)) events.push({ ...whole, channel_type: kind });
  const isMention = String(whole['text'] ?? '').includes(`<@${world.settled.botUserId}>`);
  const isHuman = !whole['bot_id'] && (!whole['subtype'] || whole['subtype'] === 'file_share');
  if (isMention && isHuman && kind !== 'im' && subscribed(world, 'app_mention'))
    events.push({ ...whole, type: 'app_mention' });
  return events;
}

const subscribed = (world: World, name: string): boolean => world.settled.events.includes(name);

/** What a message event carries beyond the emulator's: author's team, parent, files, for a stranger where they are from. */
function completeMessage(world: World, event: Json): Json {
  if (event['subtype'] === 'message_changed' || event['subtype'] === 'message_deleted') {
    const inner = (one: Json | undefined): Json | undefined => {
      const row = one && messageAt(world, event['channel'], one['ts']);
      return row ? { ...wire(world, row), ...one, source_team: world.settled.teamId } : one;
    };
    return {
      ...event,
      ...(event['message'] ? { message: inner(event['message']) } : {}),
      ...(event['previous_message'] ? { previous_message: event['previous_message'] } : {}),
    };
  }
  const row = messageAt(world, event['channel'], event['ts']);
  const author = world.rows.users.findOneBy('user_id', event['user'] ?? '');
  const strange = author?.['flags']?.is_stranger ? author : null;
  const from = strange ? { user_team: strange['team_id'], source_team: strange['team_id'] } : {};
  const full: Json = row ? { ...event, ...wire(world, row), channel: event['channel'], event_ts: event['ts'] } : event;
  if (event['subtype'] === 'thread_broadcast')
    full['root'] = wire(world, messageAt(world, event['channel'], event['thread_ts']) ?? {});
  return omit({ ...full, ...from }, 'reply_count', 'reply_users', 'metadata');
}

/** The envelope around one event. */
export function envelopeOf(world: World, event: Json): Json {
  const { settled } = world;
  const enterpriseId = settled.enterprise?.id ?? null;
  const channel = world.rows.channels.findOneBy('channel_id', event['channel'] ?? '');
  const shared = settled.channels[channel?.['name'] ?? '']?.isExtShared ?? false;
  return {
    token: 'legacy-verification-token',
    // A stranger's message comes under the stranger's team; whom it concerns is in the authorizations.
    team_id: event['source_team'] ?? settled.teamId,
    context_team_id: settled.teamId,
    context_enterprise_id: enterpriseId,
    api_app_id: settled.appId,
    event,
    type: 'event_callback',
    event_id: randomId('Ev0'),
    event_time: Math.floor(Date.now() / 1000),
    authorizations: [
      {
        enterprise_id: enterpriseId,
        team_id: settled.teamId,
        user_id: settled.botUserId,
        is_bot: true,
        is_enterprise_install: settled.isEnterpriseInstall,
      },
    ],
    is_ext_shared_channel: shared,
    event_context: `4-${randomId('')}`,
  };
}
