import { type Model, ModelError } from './model.ts';

type Vendor = Exclude<Model['provider'], 'rules'>;

const VENDORS: Record<Vendor, { title: string; key: string; baseUrl: string }> = {
  anthropic: { title: 'Anthropic', key: 'ANTHROPIC_API_KEY', baseUrl: 'ANTHROPIC_BASE_URL' },
  openai: { title: 'OpenAI', key: 'OPENAI_API_KEY', baseUrl: 'OPENAI_BASE_URL' },
  gemini: { title: 'Gemini', key: 'GEMINI_API_KEY', baseUrl: 'GOOGLE_GEMINI_BASE_URL' },
};

/** Money has run out or a cap was set: waiting does not help, whatever status it comes with. */
const SPEND_CODES =
  /insufficient_quota|billing|spend_limit|credit_balance|credits_exhausted|payment_required|quota_exceeded|access_terminated/;

/** Status → what a person does next. What is missing here is judged by `isRetryable` alone. */
const NEXT_STEP: Record<number, (vendor: (typeof VENDORS)[Vendor]) => string> = {
  401: (vendor) => `the key was not accepted. Check ${vendor.key}.`,
  402: () => 'there is no credit left. Add credit at the vendor.',
  403: (vendor) => `the key may not use this model. Check the rights of ${vendor.key}.`,
  404: (vendor) => `there is no such model or address. Check ABETWORKS_MODEL and ${vendor.baseUrl}.`,
  413: () => 'the request is too large. Start a new thread or send less text.',
  429: () => 'too many requests. It will be asked again.',
  529: () => 'it is overloaded. It will be asked again.',
};

/**
 * One table for all vendors (research: B2): what failed, whether the same model may answer later, and after how long.
 * The message is built from the status and the vendor's own codes only: its prose may quote a key or the prompt.
 */
export function toModelError(error: unknown, provider: Vendor): ModelError {
  if (error instanceof ModelError) return error;
  const vendor = VENDORS[provider];
  const failure = readFailure(error);
  if (failure.status === undefined) return transportError(error, vendor);
  const { status, headers, codes } = failure;
  const isSpent = status === 402 || codes.some((code) => SPEND_CODES.test(code)) || failure.saysSpent;
  const isTooLong = failure.saysTooLong;
  const kind = !isSpent && !isTooLong && isRetryable(status, headers) ? 'retry' : 'refused';
  const retryAfterMs = kind === 'retry' ? readRetryAfter(headers) : undefined;
  return new ModelError(`${vendor.title} answered ${[status, ...codes].join(' ')}: ${nextStep()}${failure.trace}`, {
    kind,
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });

  function nextStep(): string {
    if (isSpent) return 'the credit or spending limit is used up. Add credit or raise the limit at the vendor.';
    if (isTooLong) return 'the conversation is too long for this model. Start a new thread.';
    if (status >= 300 && status < 400) return `it points to another address. Check ${vendor.baseUrl}.`;
    if (NEXT_STEP[status]) return NEXT_STEP[status](vendor);
    return kind === 'retry' ? 'it will be asked again.' : 'it does not accept this request. Check ABETWORKS_MODEL.';
  }
}

/** The answer came, but is not what the vendor's API promises. `what` is our own words. */
export const malformed = (provider: Vendor, what: string): ModelError =>
  new ModelError(
    `${VENDORS[provider].title} sent a malformed answer: ${what}. It will be asked again; if it stays, check ${VENDORS[provider].baseUrl}.`,
    { kind: 'retry' },
  );

/** The answer did not come in time. */
export const timedOut = (provider: Vendor, timeoutMs: number): ModelError =>
  new ModelError(
    `${VENDORS[provider].title} did not answer within ${Math.round(timeoutMs / 1000)} s. It will be asked again.`,
    { kind: 'retry' },
  );

function transportError(error: unknown, vendor: (typeof VENDORS)[Vendor]): ModelError {
  if (error instanceof SyntaxError)
    return new ModelError(`${vendor.title} sent a malformed answer: it is not JSON. It will be asked again.`, {
      kind: 'retry',
    });
  const code = causeCode(error);
  return new ModelError(
    `${vendor.title} was not reached${code ? ` (${code})` : ''}. It will be asked again; if it stays, check the network and ${vendor.baseUrl}.`,
    { kind: 'retry' },
  );
}

/** The vendor's own word (`x-should-retry`) comes before the status. */
function isRetryable(status: number, headers: Headers | undefined): boolean {
  const said = headers?.get('x-should-retry');
  if (said === 'true' || said === 'false') return said === 'true';
  return status === 408 || status === 409 || status === 429 || status >= 500;
}

/** Milliseconds from `retry-after-ms`, or from `retry-after` as seconds or as a date. */
function readRetryAfter(headers: Headers | undefined): number | undefined {
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

interface Failure {
  status: number | undefined;
  headers: Headers | undefined;
  /** Machine codes such as `rate_limit_error`; anything else is dropped. */
  codes: string[];
  saysSpent: boolean;
  saysTooLong: boolean;
  trace: string;
}

// Read by shape, so that no SDK has to be loaded to name its error.
function readFailure(error: unknown): Failure {
  const it = asRecord(error);
  const body = asRecord(it['error']);
  const inner = asRecord(body['error'] ?? body);
  const status = typeof it['status'] === 'number' ? it['status'] : undefined;
  const codes = [it['type'], it['errorCode'], it['code'], inner['type'], inner['code']]
    .filter((code): code is string => typeof code === 'string' && /^[a-z][a-z_]{2,60}$/.test(code))
    .filter((code, index, all) => all.indexOf(code) === index);
  const prose = typeof inner['message'] === 'string' ? inner['message'].slice(0, 2_000) : '';
  const requestId = typeof it['requestID'] === 'string' && /^[\w-]{1,80}$/.test(it['requestID']) ? it['requestID'] : '';
  return {
    status,
    headers: it['headers'] instanceof Headers ? it['headers'] : undefined,
    codes,
    // Anthropic says "Your credit balance is too low" with a plain 400.
    saysSpent: /credit balance is too low/i.test(prose),
    saysTooLong: codes.includes('context_length_exceeded') || /prompt is too long|maximum context length/i.test(prose),
    trace: requestId ? ` (request ${requestId})` : '',
  };
}

function causeCode(error: unknown): string {
  for (let it = asRecord(error), depth = 0; depth < 5; it = asRecord(it['cause']), depth++)
    if (typeof it['code'] === 'string' && /^[A-Z][A-Z_]{2,40}$/.test(it['code'])) return it['code'];
  return '';
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
