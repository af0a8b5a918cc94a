import { randomFillSync } from 'node:crypto';
import { z } from 'zod';

/** A UUIDv7 (RFC 9562 §5.7): made in the app because PostgreSQL 16 and 17 have no uuidv7(); sorts by time. */
export function newId(now = Date.now()): string {
  const bytes = randomFillSync(new Uint8Array(16));
  const stamp = BigInt(now);
  for (let i = 0; i < 6; i += 1) bytes[i] = Number((stamp >> BigInt(40 - 8 * i)) & 0xffn);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const zId = z.guid().toLowerCase();

/** A door that gets something else answers 404, like for an unknown id. */
export const isId = (text: string): boolean => zId.safeParse(text).success;
