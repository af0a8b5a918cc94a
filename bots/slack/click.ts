import type { Sender } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { SlackBotDeps } from './deps.ts';

/** Where something was clicked or typed, and how its person is told privately. */
export interface Spot {
  orgId: string;
  tenant: string;
  userId: string;
  /** Opens one modal, within three seconds. */
  triggerId: string;
  /** For private answers; null in App Home and in modals. */
  responseUrl: string | null;
  channel: string | null;
  /** The root of the thread it was clicked in. */
  thread: string | null;
}

/** Who acts, where, on which message of ours. */
export interface Click extends Spot {
  actor: Actor;
  /** As a request of theirs names them. */
  sender: Sender;
  /** The key that the delivery is stored under (RULES I2). */
  sourceKey: string;
  /** The message that holds the button; in App Home there is none. */
  message: string | null;
  /** In App Home, where a copy of each card lies. */
  isHome: boolean;
  /** What the button carries beside its id. */
  value: string;
}

/** The place of the card that was clicked, as its row names it. */
export const cardAt = (
  { tenant, channel, message, isHome, userId }: Pick<Click, 'tenant' | 'channel' | 'message' | 'isHome' | 'userId'>,
  approvalId: string,
) => ({
  platform: 'slack' as const,
  tenant,
  channel: isHome ? homeOf(userId) : (channel ?? ''),
  message: isHome ? approvalId : (message ?? ''),
});

/** App Home has no channel: its cards are kept under the person's own. */
const homeOf = (userId: string): string => `home:${userId}`;

/** A click that asks for more before anything happens: it opens a window. */
export type Act = (deps: SlackBotDeps, click: Click, id: string) => Promise<void>;
/** A click that changes something. Gives the line for whoever clicked, when there is something to say that their screen does not show. */
export type Decide = (deps: SlackBotDeps, click: Click, id: string) => Promise<string | undefined>;
