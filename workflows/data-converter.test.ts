import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { expect, test } from 'vitest';
import { parseKeyRing } from '#core/keys.ts';
import { createDataConverter } from './data-converter.ts';
import { failureConverter } from './failure-converter.ts';

const keyOf = (at: number): string => Buffer.alloc(32, at).toString('base64');
const codecOf = (ring: string) => {
  const [codec] = createDataConverter(parseKeyRing(ring)).payloadCodecs ?? [];
  if (!codec) throw new Error('no codec');
  return codec;
};
const codec = codecOf(`k1:${keyOf(1)}`);
const encode = async (value: unknown): Promise<Payload> => {
  const [payload] = await codec.encode([defaultPayloadConverter.toPayload(value)]);
  if (!payload) throw new Error('no payload');
  return payload;
};
const textOf = (payload: Payload): string =>
  JSON.stringify([payload.metadata, payload.data], (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
  );

test.each([[{ orgId: 'a', runId: 'b' }], ['text'], [null], [undefined], [[1, 2]], [new Uint8Array([1, 2, 3])]])(
  'R1 %j comes back as it was, and nothing of it is readable between',
  async (value) => {
    const payload = await encode(value);
    expect(textOf(payload)).not.toMatch(/orgId|text|json|plain/);
    const [decoded] = await codec.decode([payload]);
    expect(defaultPayloadConverter.fromPayload(decoded ?? {})).toEqual(value);
  },
);

test('the same value is never written twice alike', async () => {
  expect(textOf(await encode('text'))).not.toBe(textOf(await encode('text')));
});

test('D5 after a rotation old histories are still read, and new payloads use the new key', async () => {
  const rotated = codecOf(`k2:${keyOf(2)},k1:${keyOf(1)}`);
  const [old] = await rotated.decode([await encode('old')]);
  expect(defaultPayloadConverter.fromPayload(old ?? {})).toBe('old');
  const [fresh] = await rotated.encode([defaultPayloadConverter.toPayload('new')]);
  expect(Buffer.from(fresh?.metadata?.['encryption-key-id'] ?? []).toString()).toBe('k2');
  await expect(codec.decode([fresh ?? {}])).rejects.toThrow('has no key "k2"');
});

test('a changed payload, and one of another purpose, is refused', async () => {
  const payload = await encode('text');
  const data = Uint8Array.from(payload.data ?? []);
  data[20] = (data[20] ?? 0) ^ 1;
  await expect(codec.decode([{ ...payload, data }])).rejects.toThrow('unable to authenticate data');
  await expect(codecOf(`k1:${keyOf(9)}`).decode([payload])).rejects.toThrow('unable to authenticate data');
});

test('what was never encrypted passes, so that a server can add payloads of its own', async () => {
  const plain = defaultPayloadConverter.toPayload('plain');
  expect(await codec.decode([plain])).toEqual([plain]);
});

test('R1 the message and stack of a failure go inside, too', () => {
  const failure = failureConverter.errorToFailure(new Error('canary in a message'), defaultPayloadConverter);
  expect(failure.message).not.toContain('canary');
  expect(failure.stackTrace ?? '').not.toContain('canary');
  expect(Buffer.from(failure.encodedAttributes?.data ?? []).toString()).toContain('canary');
  expect(failureConverter.failureToError(failure, defaultPayloadConverter).message).toBe('canary in a message');
});
