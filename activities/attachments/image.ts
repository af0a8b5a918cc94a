export const IMAGE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
export type ImageType = (typeof IMAGE_TYPES)[number];
export interface Picture {
  mimeType: ImageType;
  /** Pixels. */
  width: number;
  height: number;
}

const ascii = (bytes: Uint8Array, from: number, to: number): string =>
  String.fromCodePoint(...bytes.subarray(from, to));

/** A picture by its own first bytes, never by its name; undefined for anything else, and for one that does not say how large it is. */
export function pictureOf(bytes: Uint8Array): Picture | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 30) return undefined;
  if (ascii(bytes, 0, 8) === '\u0089PNG\r\n\u001a\n' && ascii(bytes, 12, 16) === 'IHDR')
    return { mimeType: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
  if (/^GIF8[79]a$/.test(ascii(bytes, 0, 6)))
    return { mimeType: 'image/gif', width: view.getUint16(6, true), height: view.getUint16(8, true) };
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return webpOf(bytes, view);
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff ? jpegOf(view) : undefined;
}

function webpOf(bytes: Uint8Array, view: DataView): Picture | undefined {
  const mimeType = 'image/webp';
  const kind = ascii(bytes, 12, 16);
  // oxlint-disable-next-line no-bitwise -- fields of 14 and 24 bits
  const side = (at: number, bits: number): number => view.getUint32(at, true) & (2 ** bits - 1);
  if (kind === 'VP8 ') return { mimeType, width: side(26, 14), height: view.getUint16(28, true) % 2 ** 14 };
  if (kind === 'VP8L')
    return {
      mimeType,
      width: side(21, 14) + 1,
      height: (Math.floor(view.getUint32(21, true) / 2 ** 14) % 2 ** 14) + 1,
    };
  return kind === 'VP8X'
    ? { mimeType, width: side(24, 24) + 1, height: (view.getUint32(26, true) >>> 8) + 1 }
    : undefined;
}

/** Walks the segments to the one that begins the frame. */
function jpegOf(view: DataView): Picture | undefined {
  for (let at = 2; at + 9 < view.byteLength;) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { mimeType: 'image/jpeg', height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}
