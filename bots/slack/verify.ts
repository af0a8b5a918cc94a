import { createHmac, timingSafeEqual } from 'node:crypto';
import { sha256 } from '#core/hash.ts';

/** How far a request's clock may be from ours, either way. Slack's own advice: five minutes. */
export const MOST_SKEW_MS = 5 * 60_000;

// One value each: a header that came twice is joined with a comma, and refused.
const SIGNATURE = /^v0=[0-9a-f]{64}$/;
const SECONDS = /^\d{1,12}$/;

/**
 * Whether Slack sent these bytes, just now (RULES I1). Gives the sha256 of the signature, by which a replay is told; null: it did not.
 * `nowMs` is ours, in milliseconds.
 */
export function verify(headers: Headers, raw: Uint8Array, secret: string, nowMs: number): string | null {
  const signature = headers.get('x-slack-signature') ?? '';
  const timestamp = headers.get('x-slack-request-timestamp') ?? '';
  if (!SIGNATURE.test(signature) || !SECONDS.test(timestamp)) return null;
  if (Math.abs(nowMs - Number(timestamp) * 1000) > MOST_SKEW_MS) return null;
  const expected = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(raw).digest();
  return timingSafeEqual(expected, Buffer.from(signature.slice(3), 'hex')) ? sha256(signature) : null;
}

/** For whoever runs the server: why a request was refused, and what to do; null: nobody even claims that Slack sent it. */
export function whyRefused(headers: Headers, raw: Uint8Array, secret: string): string | null {
  const timestamp = headers.get('x-slack-request-timestamp') ?? '';
  if (!SECONDS.test(timestamp) || !headers.has('x-slack-signature')) return null;
  return verify(headers, raw, secret, Number(timestamp) * 1000) === null
    ? 'it is not signed with SLACK_SIGNING_SECRET. Is that this app’s (Basic Information, App Credentials)?'
    : 'it was signed more than five minutes ago or ahead. Set the clock of this machine; if it is right, this is a replay';
}
