import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Hex sha256 of UTF-8 text or bytes. */
export const sha256 = (input: string | Uint8Array): string => createHash('sha256').update(input).digest('hex');

export const hmacSha256 = (key: Uint8Array, text: string): string =>
  createHmac('sha256', key).update(text).digest('hex');

/** 256 random bits as base64url: for one-time tokens and the secret part of API keys. */
export const randomToken = (): string => randomBytes(32).toString('base64url');

/** Compares two texts in time that depends on neither. */
export function sameText(a: string, b: string): boolean {
  const [left, right] = [createHash('sha256').update(a).digest(), createHash('sha256').update(b).digest()];
  return timingSafeEqual(left, right);
}
