import { z } from 'zod';

/** Headers that the client, the egress guard or the ledger set: neither a credential nor an argument may be one of them. */
export const isReservedHeader = (name: string): boolean =>
  /^(host|connection|keep-alive|te|trailer|upgrade|expect|content-.*|transfer-encoding|accept-encoding|proxy-.*|idempotency-key)$/i.test(
    name,
  );

/** An HTTP header name (RFC 9110 token). */
export const isHeaderName = (name: string): boolean => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name);

/** A value that fits into one header line. CR and LF would start another header. */
export const isHeaderValue = (value: string): boolean => /^[\x20-\x7e]*$/.test(value) && value.trim() === value;

const secret = (name: string) =>
  z
    .string({ error: `is missing: paste the ${name}` })
    .min(1, `must not be empty: paste the ${name}`)
    .max(8_000, 'must be at most 8000 characters');
const headerSafe = 'may hold only printable ASCII characters, without line breaks or spaces around it';
const hasNoControl = (text: string): boolean => text.isWellFormed() && !/\p{Cc}/u.test(text);

const zBearer = z.strictObject({
  type: z.literal('bearer'),
  token: secret('token').regex(
    /^[\x21-\x7e]+$/,
    'may hold only printable ASCII characters, without spaces or line breaks',
  ),
});
const zBasic = z.strictObject({
  type: z.literal('basic'),
  username: z
    .string()
    .max(500)
    .refine((text) => hasNoControl(text) && !text.includes(':'), 'must not hold a colon or line breaks'),
  password: z.string().max(8_000).refine(hasNoControl, 'must not hold line breaks or control characters'),
});
const zHeader = z.strictObject({
  type: z.literal('header'),
  name: z
    .string()
    .refine(isHeaderName, 'is not a header name, such as X-API-Key')
    .refine((name) => !isReservedHeader(name), 'is a header that is set when the request is sent: name another one'),
  value: secret('value').refine(isHeaderValue, headerSafe),
});
const zQuery = z.strictObject({
  type: z.literal('query'),
  name: z.string().min(1).max(100).refine(hasNoControl, 'must not hold line breaks or control characters'),
  value: secret('value').refine(hasNoControl, 'must not hold line breaks or control characters'),
});

/** How a REST system knows us. Left out, it is `{ type: "none" }`. */
export const zRestCredential = z
  .discriminatedUnion('type', [z.strictObject({ type: z.literal('none') }), zBearer, zBasic, zHeader, zQuery])
  .default({ type: 'none' });
export type RestCredential = z.infer<typeof zRestCredential>;

/** The request with the credential in it; one of the same name that the request already held is replaced. */
export function withCredential(
  request: { url: string; headers: Record<string, string> },
  credential: RestCredential,
): { url: string; headers: Record<string, string> } {
  const { url, headers } = request;
  if (credential.type === 'none') return { url, headers };
  if (credential.type === 'query') return { url: withQuery(url, credential.name, credential.value), headers };
  if (credential.type === 'header') return { url, headers: withHeader(headers, credential.name, credential.value) };
  return { url, headers: withHeader(headers, 'Authorization', authorization(credential)) };
}

/** Header names are compared without case; the last one wins. */
export function withHeader(headers: Record<string, string>, name: string, value: string): Record<string, string> {
  const others = Object.entries(headers).filter(([key]) => key.toLowerCase() !== name.toLowerCase());
  return Object.fromEntries([...others, [name, value]]);
}

/** Replaces the credential, should the other side repeat it, so that it reaches neither a model nor a log. Short ones would hit ordinary words. */
export function hideCredential(credential: RestCredential): (text: string) => string {
  const secrets = secretsOf(credential).filter((secret) => secret.length >= 8);
  return (text) => secrets.reduce((hidden, secret) => hidden.replaceAll(secret, '[credential]'), text);
}

function secretsOf(credential: RestCredential): string[] {
  if (credential.type === 'none') return [];
  if (credential.type === 'bearer') return [credential.token];
  if (credential.type === 'basic') return [base64(credential), credential.password];
  return [credential.value, encodeURIComponent(credential.value)];
}

const authorization = (credential: z.infer<typeof zBearer> | z.infer<typeof zBasic>): string =>
  credential.type === 'bearer' ? `Bearer ${credential.token}` : `Basic ${base64(credential)}`;

const base64 = ({ username, password }: z.infer<typeof zBasic>): string =>
  Buffer.from(`${username}:${password}`, 'utf8').toString('base64');

/** Leaves the rest of the address byte for byte as it was approved, unless it held the same name. */
function withQuery(url: string, name: string, value: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has(name)) {
    parsed.searchParams.set(name, value);
    return parsed.href;
  }
  const pair = new URLSearchParams([[name, value]]).toString();
  return `${url}${url.includes('?') ? '&' : '?'}${pair}`;
}
