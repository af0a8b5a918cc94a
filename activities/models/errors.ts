import { readFailure, type Failure } from './failure.ts';
import { ModelError, type Usage, type Vendor } from './model.ts';

interface VendorWords {
  title: string;
  key: string;
  baseUrl: string;
}
const VENDORS: Record<Vendor, VendorWords> = {
  anthropic: { title: 'Anthropic', key: 'ANTHROPIC_API_KEY', baseUrl: 'ANTHROPIC_BASE_URL' },
  openai: { title: 'OpenAI', key: 'OPENAI_API_KEY', baseUrl: 'OPENAI_BASE_URL' },
  gemini: { title: 'Gemini', key: 'GEMINI_API_KEY', baseUrl: 'GOOGLE_GEMINI_BASE_URL' },
};

interface Row {
  fits: (failure: Failure) => boolean;
  kind: 'retry' | 'refused';
  /** `free`: the vendor bills nothing. `unclear`: a gateway may have given up on an answer that is billed. */
  bill: 'free' | 'unclear';
  say: (vendor: VendorWords) => string;
  /** The vendor's `x-should-retry` does not change it: waiting never helps. */
  isFinal?: true;
}

const is =
  (...statuses: number[]) =>
  ({ status }: Failure): boolean =>
    statuses.includes(status);
const between =
  (from: number, to: number) =>
  ({ status }: Failure): boolean =>
    status >= from && status <= to;

const AGAIN = 'It will be asked again.';

/** What an answer that is a failure means (research: B2); the first row that fits counts. Whatever the kind, the next model of the list is asked first. */
// oxfmt-ignore
const TABLE: readonly Row[] = [
  { fits: (it) => it.isSpent,   kind: 'refused', bill: 'free', isFinal: true, say: () => 'the credit or spending limit is used up. Add credit or raise the limit at the vendor.' },
  { fits: (it) => it.isTooLong, kind: 'refused', bill: 'free', isFinal: true, say: () => 'the conversation is too long for this model. Start a new thread.' },
  { fits: (it) => it.isBadKey,  kind: 'refused', bill: 'free', isFinal: true, say: ({ key }) => `the key was not accepted. Check ${key}.` },
  { fits: between(300, 399),    kind: 'refused', bill: 'free', say: ({ baseUrl }) => `it points to another address. Check ${baseUrl}.` },
  { fits: is(402),              kind: 'refused', bill: 'free', isFinal: true, say: () => 'there is no credit left. Add credit at the vendor.' },
  { fits: is(403),              kind: 'refused', bill: 'free', say: ({ key }) => `the key may not use this model. Check the rights of ${key}.` },
  { fits: is(404),              kind: 'refused', bill: 'free', say: ({ baseUrl }) => `there is no such model or address. Check ABETWORKS_MODEL and ${baseUrl}.` },
  { fits: is(408),              kind: 'retry',   bill: 'unclear', say: () => `it took too long. ${AGAIN}` },
  { fits: is(409),              kind: 'retry',   bill: 'free', say: () => `it was in the way of another request. ${AGAIN}` },
  { fits: is(413),              kind: 'refused', bill: 'free', isFinal: true, say: () => 'the request is too large. Start a new thread or send less text.' },
  { fits: is(429),              kind: 'retry',   bill: 'free', say: () => `too many requests. ${AGAIN}` },
  { fits: between(400, 499),    kind: 'refused', bill: 'free', say: () => 'it does not accept this request. Check ABETWORKS_MODEL.' },
  { fits: is(503, 529),         kind: 'retry',   bill: 'free', say: () => `it is overloaded. ${AGAIN}` },
  { fits: is(500),              kind: 'retry',   bill: 'free', say: () => `it failed. ${AGAIN}` },
  { fits: () => true,           kind: 'retry',   bill: 'unclear', say: () => `it failed on the way. ${AGAIN}` },
];

/**
 * Any failure of a call as a `ModelError`: what failed, whether the same model may answer later, and after how long.
 * The message is built from the status and the vendor's own codes only: its prose may quote a key or the prompt.
 */
export function toModelError(error: unknown, provider: Vendor): ModelError {
  if (error instanceof ModelError) return error;
  const vendor = VENDORS[provider];
  const failure = readFailure(error);
  if (!failure) return transportError(error, vendor);
  const row = TABLE.find(({ fits }) => fits(failure));
  if (!row) throw new Error('the last row fits everything');
  const kind = row.isFinal ? row.kind : (failure.vendorSays ?? row.kind);
  const say =
    kind === row.kind ? row.say(vendor) : kind === 'retry' ? AGAIN : 'it will not answer this request. Try another.';
  const { status, codes, trace, retryAfterMs } = failure;
  return new ModelError(`${vendor.title} answered ${[status, ...codes].join(' ')}: ${say}${trace}`, {
    kind,
    status,
    isFree: row.bill === 'free',
    ...(kind === 'retry' && retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** The answer came, but is not what the vendor's API promises. `what` is our own words. */
export const malformed = (provider: Vendor, what: string, usage?: Usage): ModelError =>
  new ModelError(
    `${VENDORS[provider].title} sent a malformed answer: ${what}. It will be asked again; if it stays, check ${VENDORS[provider].baseUrl}.`,
    { kind: 'retry', ...(usage && { usage }) },
  );

/** The answer did not come in time. */
export const timedOut = (provider: Vendor, timeoutMs: number): ModelError =>
  new ModelError(`${VENDORS[provider].title} did not answer within ${Math.round(timeoutMs / 1000)} s. ${AGAIN}`, {
    kind: 'retry',
  });

/** No answer, or half of one: it may have been billed, unless the connection was never made. */
function transportError(error: unknown, vendor: VendorWords): ModelError {
  if (error instanceof SyntaxError)
    return new ModelError(`${vendor.title} sent a malformed answer: it is not JSON. ${AGAIN}`, { kind: 'retry' });
  const code = causeCode(error);
  return new ModelError(
    `${vendor.title} was not reached${code ? ` (${code})` : ''}. It will be asked again; if it stays, check the network and ${vendor.baseUrl}.`,
    { kind: 'retry', isFree: /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT)$/.test(code) },
  );
}

function causeCode(error: unknown): string {
  for (let it = error, depth = 0; it instanceof Error && depth < 5; it = it.cause, depth++)
    if ('code' in it && typeof it.code === 'string' && /^[A-Z][A-Z_]{2,40}$/.test(it.code)) return it.code;
  return '';
}
