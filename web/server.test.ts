import { connect } from 'node:net';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '#core/config.ts';
import { idleClient } from '#test/web/client.ts';
import { createWorld, type World } from '#test/web/world.ts';
import { startWeb } from './server.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld(idleClient());
});
afterAll(() => world.drop());

const start = (env: Record<string, string> = {}) =>
  startWeb({ ...world.deps, config: readConfig({ PORT: '0', ...env }) });

test('it listens on a free port, answers, and stops', async () => {
  const web = await start();
  try {
    expect(web.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${web.url}/health/live`)).status).toBe(200);
    expect((await fetch(`${web.url}/health/ready`)).status).toBe(200);
  } finally {
    await web.stop();
  }
  await expect(fetch(`${web.url}/health/live`)).rejects.toThrow('fetch failed');
});

test('a port in use is a sentence with the remedy', async () => {
  const web = await start();
  try {
    const port = new URL(web.url).port;
    await expect(start({ PORT: port })).rejects.toThrow(
      `Port ${port} on 127.0.0.1 is in use. Stop the program that uses it, or set PORT`,
    );
  } finally {
    await web.stop();
  }
});

/** Sends raw bytes and reads the first line of the answer. */
async function raw(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  try {
    socket.write(text);
    const [chunk] = await once(socket, 'data');
    return String(chunk).split('\r\n')[0] ?? '';
  } finally {
    socket.destroy();
  }
}

test.each([
  [
    'both Content-Length and Transfer-Encoding',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a header of 40 kB', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
  ['a Host that is none', 'GET /openapi.json HTTP/1.1\r\nHost: a b/c?d\r\n\r\n'],
])('%s is refused as the sender’s mistake', async (_, text) => {
  const web = await start();
  try {
    expect(await raw(web.url, text)).toMatch(/^HTTP\/1\.1 4\d\d /);
  } finally {
    await web.stop();
  }
});

test('an oversized body in chunks is 413', async () => {
  const web = await start();
  try {
    const body = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 20; i += 1) controller.enqueue(new Uint8Array(100_000));
        controller.close();
      },
    });
    const init = { method: 'POST', body, duplex: 'half' as const, headers: { 'content-type': 'application/json' } };
    expect((await fetch(`${web.url}/api/v1/requests`, init)).status).toBe(413);
  } finally {
    await web.stop();
  }
});

test('addresses come from PUBLIC_URL, never from Host', async () => {
  const { text } = await world.call('/openapi.json', {
    headers: { host: 'evil.test', 'x-forwarded-host': 'evil.test' },
  });
  expect(text).not.toContain('evil.test');
});
