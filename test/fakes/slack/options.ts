import type { Door } from './door.ts';
import { idFor } from './words.ts';

export interface Person {
  id?: string;
  email?: string | null;
  realName?: string;
  isAdmin?: boolean;
  isOwner?: boolean;
  /** `single`: is_ultra_restricted too. */
  isGuest?: boolean | 'single';
  /** From another workspace, through Slack Connect. */
  isStranger?: boolean;
  isBot?: boolean;
  deleted?: boolean;
  teamId?: string;
}
export interface ChannelOptions {
  id?: string;
  /** Names of users. All of the workspace's own people when left out. */
  members?: string[];
  private?: boolean;
  /** A direct message among several people; its id begins like a channel's. */
  group?: boolean;
  isExtShared?: boolean;
  /** Whether the bot is a member; true when left out. */
  bot?: boolean;
}
export interface SlackOptions {
  team?: { id?: string; name?: string; domain?: string };
  enterprise?: { id: string; name: string } | null;
  /** The app is installed for the whole enterprise. */
  isEnterpriseInstall?: boolean;
  token?: string;
  appToken?: string;
  botUserId?: string;
  botId?: string;
  appId?: string;
  signingSecret?: string;
  clientId?: string;
  clientSecret?: string;
  redirectUris?: string[];
  scopes?: string[];
  /** The events the app is subscribed to, named as in the manifest. */
  events?: string[];
  users?: Record<string, Person>;
  channels?: Record<string, ChannelOptions>;
  /** Where events go from the start; see `deliverTo`. */
  deliverTo?: string | string[] | null;
  /** How long after its start a stream takes no more. Slack: about 5 minutes. */
  streamTimeoutMs?: number;
  /** How long a `processing` session or an assistant status lives without a renewal. Slack: 2 minutes. */
  sessionExpiryMs?: number;
  /** Slack: 3 s. */
  triggerMs?: number;
  /** When an event that was not acknowledged is sent again. Slack: at once, after 1 min, after 5 min. */
  redeliverAfterMs?: number[];
  /** How long an event or interaction waits for its answer. Slack: 3 s. */
  answerWithinMs?: number;
  /** Enforces chat.postMessage's 1 message per second and channel, with a burst. */
  strictRate?: { perSecond?: number; burst?: number };
  /** Issue expiring tokens with refresh tokens (token rotation). */
  rotation?: boolean;
  /** The app is switched to PKCE; an app of our manifest is not. */
  pkce?: boolean;
  /** Share the door (host and port) of another Slack: what one product with several workspaces sees. */
  door?: Door;
}

/** Subscribed when nothing else is said: the app's manifest. */
const BOT_EVENTS = [
  'agent_session_stopped',
  'app_context_changed',
  'app_home_opened',
  'app_mention',
  'app_uninstalled',
  'member_joined_channel',
  'message.channels',
  'message.groups',
  'message.im',
  'message.mpim',
  'tokens_revoked',
  'user_change',
];
const BOT_SCOPES =
  'app_mentions:read,assistant:write,channels:history,channels:read,chat:write,commands,files:read,files:write,' +
  'groups:history,groups:read,im:history,im:read,im:write,mpim:history,mpim:read,' +
  'users:read,users:read.email';

/** The options with every gap filled; ids follow from the team's id. */
export function settle(options: SlackOptions) {
  const teamId = options.team?.id ?? 'T0ACME00001';
  const users = options.users ?? { ana: { isAdmin: true }, bob: {}, cleo: {} };
  return {
    teamId,
    teamName: options.team?.name ?? 'Acme',
    domain: options.team?.domain ?? 'acme',
    enterprise: options.enterprise ?? null,
    isEnterpriseInstall: options.isEnterpriseInstall ?? false,
    token: options.token ?? `xoxb-${teamId}-canary-5b1e`,
    appToken: options.appToken ?? 'xapp-1-canary-77c0',
    botUserId: options.botUserId ?? idFor('U', teamId, 'abetbot'),
    botId: options.botId ?? idFor('B', teamId, 'abetbot'),
    botName: 'abetworks',
    appId: options.appId ?? 'A0ABETWORKS',
    signingSecret: options.signingSecret ?? 'slack-signing-canary-8f2d',
    clientId: options.clientId ?? '1234567890.9876543210',
    clientSecret: options.clientSecret ?? 'slack-client-canary-31aa',
    redirectUris: options.redirectUris ?? [],
    scopes: options.scopes ?? BOT_SCOPES.split(','),
    events: options.events ?? BOT_EVENTS,
    users,
    channels: options.channels ?? { general: {} },
    streamTimeoutMs: options.streamTimeoutMs ?? 5 * 60_000,
    sessionExpiryMs: options.sessionExpiryMs ?? 2 * 60_000,
    triggerMs: options.triggerMs ?? 3000,
    redeliverAfterMs: options.redeliverAfterMs ?? [50, 60_000, 300_000],
    answerWithinMs: options.answerWithinMs ?? 3000,
    strictRate: options.strictRate
      ? { perSecond: options.strictRate.perSecond ?? 1, burst: options.strictRate.burst ?? 1 }
      : null,
    rotation: options.rotation ?? false,
    pkce: options.pkce ?? false,
  };
}
export type Settled = ReturnType<typeof settle>;
