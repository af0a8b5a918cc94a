import { parseKeyRing } from '#core/keys.ts';

/** The recorded histories are encrypted with this ring, which guards nothing. */
export const HISTORY_KEYS = `recorded:${Buffer.alloc(32, 'abetworks histories').toString('base64')}`;
export const historyKeys = parseKeyRing(HISTORY_KEYS);
