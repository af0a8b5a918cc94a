import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';

/** What we say we can unpack. */
export const ACCEPT_ENCODING = 'gzip, deflate, br';

/** The answer is longer than the limit, packed or unpacked. */
export class TooLarge extends Error {
  override readonly name = 'TooLarge';
}

/** Reads and unpacks the whole body (`encoding`: the Content-Encoding). Stops at `maxBytes` on either side of the unpacking: throws `TooLarge`. */
export async function readBody(stream: Readable, encoding: string | null, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const keep = async (source: AsyncIterable<Buffer>): Promise<void> => {
    for await (const chunk of capped(source, maxBytes)) chunks.push(chunk);
  };
  const unpack = decoder(encoding);
  if (unpack === undefined) await pipeline(stream, keep);
  else await pipeline(stream, (packed: AsyncIterable<Buffer>) => capped(packed, maxBytes), unpack, keep);
  return Buffer.concat(chunks);
}

async function* capped(source: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new TooLarge();
    yield chunk;
  }
}

/** An encoding we never asked for is handed on as it is, like fetch does. The flush setting forgives a missing end mark, as browsers do. */
function decoder(encoding: string | null): Transform | undefined {
  const lenient = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
  switch (encoding?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip(lenient);
    case 'deflate':
      return createInflate(lenient);
    case 'br':
      return createBrotliDecompress({
        flush: constants.BROTLI_OPERATION_FLUSH,
        finishFlush: constants.BROTLI_OPERATION_FLUSH,
      });
    default:
      return undefined;
  }
}
