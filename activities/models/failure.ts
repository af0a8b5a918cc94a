/** A failure that a vendor answered with, as far as the table of errors.ts asks. */
export interface Failure {
  status: number;
  /** Machine codes such as `rate_limit_error`; anything else is dropped. */
  codes: string[];
  /** Money has run out or a cap was set: waiting does not help, whatever status it comes with. */
  isSpent: boolean;
  isTooLong: boolean;
  isBadKey: boolean;
  /** The vendor's own word, `x-should-retry`. */
  vendorSays: 'retry' | 'refused' | undefined;
  retryAfterMs: number | undefined;
  /** " (request …)", to find it again at the vendor's; or nothing. */
  trace: string;
}

const SPEND_CODES =
  /insufficient_quota|billing|spend_limit|credit_balance|credits_exhausted|payment_required|quota_exceeded|access_terminated/i;
// Anthropic says the first with a plain 400, Gemini the second with a 429.
const SPEND_PROSE = /credit balance is too low|prepa(id|yment) credits? (is|are) (used up|depleted)/i;
const TOO_LONG =
  /prompt is too long|maximum context length|maximum model length|exceed context limit|input token count .*exceeds the maximum|input tokens exceed/i;

/**
 * What an SDK threw, or an adapter put together from an answer: `{status, headers?, error: body}`. Undefined: nobody answered.
 * Read by shape, so that no SDK has to be loaded to name its error.
 */
export function readFailure(error: unknown): Failure | undefined {
  const it = asRecord(error);
  const { status } = it;
  if (typeof status !== 'number') return undefined;
  const headers = it['headers'] instanceof Headers ? it['headers'] : undefined;
  // Gemini's gateways answer with a list of one.
  const body = asRecord(Array.isArray(it['error']) ? it['error'][0] : it['error']);
  const inner = asRecord(body['error'] ?? body);
  const details = Array.isArray(inner['details']) ? inner['details'].map(asRecord) : [];
  const codes = [
    it['type'],
    it['errorCode'],
    it['code'],
    inner['type'],
    inner['code'],
    inner['status'],
    ...details.map((detail) => detail['reason']),
  ]
    .filter((code): code is string => typeof code === 'string' && /^([a-z][a-z_]{2,60}|[A-Z][A-Z_]{2,60})$/.test(code))
    .filter((code, index, all) => all.indexOf(code) === index);
  const prose = typeof inner['message'] === 'string' ? inner['message'].slice(0, 2_000) : '';
  const requestId = typeof it['requestID'] === 'string' && /^[\w-]{1,80}$/.test(it['requestID']) ? it['requestID'] : '';
  const said = headers?.get('x-should-retry');
  return {
    status,
    codes,
    isSpent: codes.some((code) => SPEND_CODES.test(code)) || SPEND_PROSE.test(prose) || isDayQuota(details),
    isTooLong: codes.includes('context_length_exceeded') || TOO_LONG.test(prose),
    // Gemini answers 400 to a key it does not know.
    isBadKey: status === 401 || codes.includes('API_KEY_INVALID'),
    vendorSays: said === 'true' ? 'retry' : said === 'false' ? 'refused' : undefined,
    retryAfterMs: headerDelay(headers) ?? detailDelay(details),
    trace: requestId ? ` (request ${requestId})` : '',
  };
}

/** Milliseconds from `retry-after-ms`, or from `retry-after` as seconds or as a date. */
function headerDelay(headers: Headers | undefined): number | undefined {
  const exact = headers?.get('retry-after-ms');
  const text = headers?.get('retry-after');
  const candidates = [
    exact ? Number(exact) : Number.NaN,
    text ? Number(text) * 1000 : Number.NaN,
    text ? Date.parse(text) - Date.now() : Number.NaN,
  ];
  const found = candidates.find((ms) => Number.isFinite(ms));
  return found === undefined ? undefined : Math.max(0, Math.round(found));
}

/** Gemini says it in the body: `{"@type": ".../google.rpc.RetryInfo", "retryDelay": "34.07s"}`. */
function detailDelay(details: readonly Record<string, unknown>[]): number | undefined {
  const text = details.find((detail) => typeof detail['retryDelay'] === 'string')?.['retryDelay'];
  const seconds = typeof text === 'string' ? Number(/^(\d+(?:\.\d+)?)s$/.exec(text)?.[1]) : Number.NaN;
  return Number.isFinite(seconds) ? Math.round(seconds * 1000) : undefined;
}

/** Gemini names the quota that is used up: one for a day does not come back within the patience of a run. */
const isDayQuota = (details: readonly Record<string, unknown>[]): boolean =>
  details
    .flatMap(({ violations }) => (Array.isArray(violations) ? violations.map(asRecord) : []))
    .some(({ quotaId }) => typeof quotaId === 'string' && quotaId.includes('PerDay'));

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
