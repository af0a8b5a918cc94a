import { PlatformFailure, UserError } from '#core/errors.ts';

/** The place cannot be spoken in any more, or never could: somebody has to be told elsewhere. */
export class Unreachable extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`Slack does not let the assistant speak there (${code})`);
    this.name = 'Unreachable';
    this.code = code;
  }
}

/** Ours: the workspace has no token here any more. */
const NOT_INSTALLED = 'not_installed';

// Error codes: docs.slack.dev/reference/methods/chat.postMessage, /chat.update, /conversations.replies, /conversations.open.
const CLOSED = new Set([
  'channel_not_found',
  'not_in_channel',
  'user_not_in_channel',
  'is_archived',
  'is_inactive',
  'thread_not_found',
  'cannot_reply_to_message',
  'messages_tab_disabled',
  'no_permission',
  'team_access_not_granted',
  'ekm_access_denied',
  'user_not_found',
  'user_disabled',
  'user_not_visible',
  'cannot_dm_bot',
]);
const BAD_CONTENT = new Set([
  'msg_too_long',
  'msg_blocks_too_long',
  'invalid_blocks',
  'invalid_blocks_format',
  'only_one_table_allowed',
  'invalid_arguments',
  'no_text',
]);
const GONE = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', NOT_INSTALLED]);

const isRefused = (failure: unknown): failure is PlatformFailure =>
  failure instanceof PlatformFailure && failure.kind === 'refused';

/** Not in this channel, or in none of this kind any more. */
export const isClosed = (failure: unknown): failure is PlatformFailure =>
  isRefused(failure) && (CLOSED.has(failure.code) || failure.code.startsWith('restricted_action'));

/** Slack does not show what we wrote: our renderer is wrong about a limit. */
export const isBadContent = (failure: unknown): failure is PlatformFailure =>
  isRefused(failure) && BAD_CONTENT.has(failure.code);

/** The place takes messages, as far as is known, but not this file. */
export const isRefusedFile = (failure: unknown): boolean =>
  isRefused(failure) && !isClosed(failure) && !isTakenAway(failure);

/** The workspace was taken away: nothing can be shown there, or needs to be. */
export const isTakenAway = (failure: unknown): boolean => isRefused(failure) && failure.code === NOT_INSTALLED;

/** There is nothing to edit there any more. */
export const isGoneMessage = (failure: unknown): failure is PlatformFailure =>
  isRefused(failure) && (GONE.has(failure.code) || isClosed(failure));

/** What a person reads of a refusal that no repetition helps. */
export const refusal = ({ code }: PlatformFailure): UserError =>
  new UserError(
    `Slack did not take the message (${code}). An owner or admin can look at the workspace on the panel’s page Slack.`,
    { status: 502 },
  );
