import { PlatformFailure } from '#core/errors.ts';

/** Slack's word that it was too much, without saying for how long. */
export const DEFAULT_PAUSE_MS = 30_000;

/** Slack's words for a token that no longer works. */
const GONE = new Set([
  'invalid_auth',
  'token_revoked',
  'token_expired',
  'account_inactive',
  'app_uninstalled',
  'user_removed_from_team',
  'team_disabled',
]);
export const isGone = (failure: unknown): failure is PlatformFailure =>
  failure instanceof PlatformFailure && failure.kind === 'refused' && GONE.has(failure.code);

const LIMITED = new Set(['ratelimited', 'rate_limited']);
// Slack says of the first two: some of it may have been done before the error was raised. The next two are its own failures in the midst of an edit or a share.
const UNCLEAR = new Set([
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'update_failed',
  'file_update_failed',
]);
/** Not done, and no fault of ours: the request did not arrive whole, or the workspace or channel is just being moved (docs.slack.dev, errors of every method and of chat.update). */
const NOT_NOW = new Set(['request_timeout', 'team_added_to_org', 'org_login_required', 'external_channel_migrating']);

/**
 * What the SDK threw, as a `PlatformFailure`. Read by shape, so that the SDK is not loaded to name its errors. Keeps Slack's code and its words for what
 * is wrong with the arguments; never a header, a body or the SDK's own error, any of which may hold a token.
 */
export function toFailure(error: unknown): PlatformFailure {
  if (error instanceof PlatformFailure) return error;
  const it = asRecord(error);
  switch (it['code']) {
    case 'slack_webapi_platform_error':
      return answered(asRecord(it['data']));
    case 'slack_webapi_rate_limited_error':
      return limited(it['retryAfter']);
    case 'slack_webapi_http_error':
      return fromStatus(Number(it['statusCode']));
    case 'slack_webapi_request_error':
      return fromNetwork(it['original']);
    default:
      // The line broke, or time ran out, while the answer was read; or the answer was no object.
      return fromNetwork(error);
  }
}

/** `ok: false`; the SDK makes one of an answer that is no JSON too, with all of its text as the code. */
function answered(body: Record<string, unknown>): PlatformFailure {
  const code = body['error'];
  if (typeof code !== 'string' || !/^[a-z][a-z0-9_.:-]{1,80}$/i.test(code))
    return new PlatformFailure('refused', 'unknown_method', { detail: 'the answer is not one of Slack' });
  const more = asRecord(body['response_metadata']);
  if (LIMITED.has(code)) return limited(more['retryAfter']);
  if (UNCLEAR.has(code)) return new PlatformFailure('unclear', code);
  if (NOT_NOW.has(code)) return new PlatformFailure('not_sent', code);
  return new PlatformFailure('refused', code, withDetail(wordsOf(body, more)));
}

/** Which argument or scope, as Slack says. */
function wordsOf(body: Record<string, unknown>, more: Record<string, unknown>): string {
  const lines = Array.isArray(more['messages']) ? more['messages'].filter((line) => typeof line === 'string') : [];
  const needed = typeof body['needed'] === 'string' ? [`needs ${body['needed']}`] : [];
  return withoutTokens([...needed, ...lines].join('; ').slice(0, 400));
}

function limited(seconds: unknown): PlatformFailure {
  const retryAfterMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : DEFAULT_PAUSE_MS;
  return new PlatformFailure('limited', 'ratelimited', { retryAfterMs });
}

/** An HTTP status other than 200, where Slack uses none but 429. `retryAfter`: the header. */
export function fromStatus(status: number, retryAfter?: string | null): PlatformFailure {
  if (status === 429) return limited(Number(retryAfter ?? Number.NaN));
  if (status === 404) return new PlatformFailure('refused', 'unknown_method');
  if (status === 408 || status >= 500) return new PlatformFailure('unclear', `http_${status}`);
  return new PlatformFailure('refused', `http_${status}`);
}

/** No answer, or half of one. Only what certainly left before a byte of the request counts as not sent (RULES E5). */
export function fromNetwork(error: unknown): PlatformFailure {
  const causes = causesOf(error);
  if (causes.some(wasNeverSent)) return new PlatformFailure('not_sent', 'unreachable', withDetail(codeOf(causes)));
  const isTimeout = causes.some(({ name }) => name === 'TimeoutError' || name === 'AbortError');
  return isTimeout
    ? new PlatformFailure('unclear', 'timeout')
    : new PlatformFailure('unclear', 'broken_answer', withDetail(codeOf(causes)));
}

const BEFORE_CONNECTION = /^(ENOTFOUND|EAI_[A-Z]+|ECONNREFUSED|UND_ERR_CONNECT_TIMEOUT)$/;
const BAD_CERTIFICATE =
  /^(CERT_[A-Z_]+|ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_[A-Z_]+)$/;

function wasNeverSent(cause: Record<string, unknown>): boolean {
  const { code, syscall, errors } = cause;
  // Every address of a name was tried.
  if (Array.isArray(errors) && errors.length > 0) return errors.every((each) => wasNeverSent(asRecord(each)));
  if (typeof code !== 'string') return false;
  return syscall === 'connect' || BEFORE_CONNECTION.test(code) || BAD_CERTIFICATE.test(code);
}

function causesOf(error: unknown): Record<string, unknown>[] {
  const found: Record<string, unknown>[] = [];
  for (let it = error; it instanceof Error && found.length < 5; it = it.cause) found.push(asRecord(it));
  return found;
}

function codeOf(causes: readonly Record<string, unknown>[]): string {
  const code = causes
    .map((cause) => cause['code'])
    .find((each) => typeof each === 'string' && /^[A-Z_]{3,40}$/.test(each));
  return typeof code === 'string' ? code : '';
}

const withDetail = (detail: string): { detail?: string } => (detail ? { detail } : {});

/** Anything that looks like one of Slack's tokens, blotted out. */
export const withoutTokens = (text: string): string =>
  text.replaceAll(/xox[a-z](\.xox[a-z])?-[\w-]+|xapp-[\w-]+/g, 'xox…');

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
