import type { DataConverter, Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';
import { open, seal, type KeyRing } from '#core/keys.ts';

const ENCODING = 'binary/encrypted';
const PLACE = 'abetworks history';
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const textOf = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

// The whole payload goes inside, its metadata too: which type a value has is nobody's business.
const zInner = z.object({ metadata: z.record(z.string(), z.string()), body: z.string() });

/** AES-256-GCM around every payload; the key's id travels beside it, so that after a rotation old histories are still read. */
function createCodec(keys: KeyRing): PayloadCodec {
  const encodeOne = (payload: Payload): Payload => {
    const metadata = Object.fromEntries(
      Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
    );
    const inner = JSON.stringify({ metadata, body: Buffer.from(payload.data ?? []).toString('base64') });
    return {
      metadata: { encoding: bytesOf(ENCODING), 'encryption-key-id': bytesOf(keys.newest) },
      data: seal(keys.subkey('history'), bytesOf(inner), PLACE),
    };
  };
  const decodeOne = (payload: Payload): Payload => {
    if (textOf(payload.metadata?.['encoding']) !== ENCODING) return payload;
    const key = keys.subkey('history', textOf(payload.metadata?.['encryption-key-id']));
    const inner = zInner.parse(JSON.parse(textOf(open(key, payload.data ?? new Uint8Array(), PLACE))));
    const metadata = Object.fromEntries(
      Object.entries(inner.metadata).map(([name, value]) => [name, new Uint8Array(Buffer.from(value, 'base64'))]),
    );
    return { metadata, data: new Uint8Array(Buffer.from(inner.body, 'base64')) };
  };
  return {
    encode: async (payloads) => payloads.map(encodeOne),
    decode: async (payloads) => payloads.map(decodeOne),
  };
}

export const failureConverterPath = new URL('./failure-converter.ts', import.meta.url).pathname;

/** The one data converter of every client, worker, script and replay test. */
export const createDataConverter = (keys: KeyRing): DataConverter => ({
  payloadCodecs: [createCodec(keys)],
  failureConverterPath,
});
