import type { Slack } from '#test/fakes/slack/index.ts';

export interface StormEvent {
  envelope: Record<string, unknown>;
}

/**
 * What a busy workspace sends: of `events`, `runs` are requests (mentions, direct messages), each of them one event; the rest is talk among people, edits,
 * joins, reactions and what the bot itself said.
 */
export function makeEvents({ events, runs, slack }: { events: number; runs: number; slack: Slack }): StormEvent[] {
  return Array.from({ length: events }, (_, at) => {
    const isRun = at < runs;
    return { envelope: envelope(slack, at, isRun ? request(slack, at) : noise(slack, at)) };
  });
}

const tsOf = (at: number): string => `${1_795_000_000 + at}.${String(at).padStart(6, '0')}`;
const eventId = (at: number): string => `EvSTORM${String(at).padStart(6, '0')}`;

function request(slack: Slack, at: number): Record<string, unknown> {
  const ts = tsOf(at);
  const text = at % 3 === 0 ? 'how are things?' : `<@${slack.botUserId}> how are things?`;
  const base = { user: slack.as('ana').id, ts, event_ts: ts, text, team: slack.teamId };
  if (at % 3 === 0) return { ...base, type: 'message', channel: slack.as('ana').dmChannel(), channel_type: 'im' };
  return {
    ...base,
    type: at % 3 === 1 ? 'app_mention' : 'message',
    channel: slack.channels.general,
    channel_type: 'channel',
  };
}

function noise(slack: Slack, at: number): Record<string, unknown> {
  const ts = tsOf(at);
  const base = { user: slack.as('ana').id, ts, event_ts: ts, channel: slack.channels.general, team: slack.teamId };
  switch (at % 5) {
    case 0:
      return { ...base, type: 'message', channel_type: 'channel', text: `just talk ${at}` };
    case 1:
      return { ...base, type: 'message', channel_type: 'channel', subtype: 'channel_join', text: 'joined' };
    case 2:
      return { ...base, type: 'message', channel_type: 'channel', bot_id: 'B0OTHERBOT', text: 'beep' };
    case 3:
      return {
        type: 'message',
        subtype: 'message_changed',
        channel: slack.channels.general,
        channel_type: 'channel',
        ts,
        event_ts: ts,
        message: { type: 'message', user: slack.as('ana').id, text: `<@${slack.botUserId}> edited`, ts: tsOf(at - 1) },
      };
    default:
      return { type: 'member_joined_channel', user: slack.as('ana').id, channel: slack.channels.general, event_ts: ts };
  }
}

function envelope(slack: Slack, at: number, event: Record<string, unknown>): Record<string, unknown> {
  return {
    token: 'legacy-verification-token',
    team_id: slack.teamId,
    context_team_id: slack.teamId,
    api_app_id: slack.appId,
    event,
    type: 'event_callback',
    event_id: eventId(at),
    event_time: 1_795_000_000 + at,
    authorizations: [
      {
        enterprise_id: null,
        team_id: slack.teamId,
        user_id: slack.botUserId,
        is_bot: true,
        is_enterprise_install: false,
      },
    ],
    is_ext_shared_channel: false,
  };
}

/** The same order for the same seed (mulberry32, Fisher–Yates). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const mixed = [...items];
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    const [one, two] = [mixed[at], mixed[other]];
    if (one !== undefined && two !== undefined) [mixed[at], mixed[other]] = [two, one];
  }
  return mixed;
}
