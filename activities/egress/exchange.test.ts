import type { IncomingMessage } from 'node:http';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createEgress } from '#activities/egress.ts';
import { httpServer } from './servers.fixture.ts';

test('a request arrives as it was asked for and the answer comes back read', async () => {
  let seen: IncomingMessage | undefined;
  let body = '';
  const server = await httpServer((request, response) => {
    seen = request;
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      response
        .writeHead(201, { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] })
        .end('{"id":"grün"}');
    });
  });
  const egress = createEgress({ allow: [server.name] });
  const headers = { 'Idempotency-Key': 'k1', 'Content-Length': '999' };
  const answer = await egress(`http://${server.name}/a%20b/../c?d=é#e`, { method: 'put', body: 'ä', headers });
  expect([seen?.method, seen?.url, body]).toEqual(['PUT', '/c?d=%C3%A9', 'ä']);
  expect(seen?.headers).toMatchObject({ 'idempotency-key': 'k1', 'content-length': '2', host: server.name });
  expect([answer.status, answer.json(), answer.headers.getSetCookie()]).toEqual([201, { id: 'grün' }, ['a=1', 'b=2']]);
  expect(answer.bytes()).toEqual(Buffer.from('{"id":"grün"}'));
  await egress(`http://${server.name}/`, { method: 'POST', body: new Uint8Array([104, 105]) });
  expect(body).toBe('ähi');
});

test('an error status is an answer, not an error', async () => {
  const server = await httpServer((_request, response) => response.writeHead(503, { 'retry-after': '2' }).end('later'));
  const answer = await createEgress({ allow: [server.name] })(`http://${server.name}/`, { method: 'POST' });
  expect([answer.status, answer.headers.get('retry-after'), answer.text()]).toEqual([503, '2', 'later']);
});

const packers = { gzip: gzipSync, br: brotliCompressSync, deflate: deflateSync };

test.each(Object.entries(packers))('an answer packed with %s is unpacked', async (encoding, pack) => {
  const server = await httpServer((_request, response) =>
    response.writeHead(200, { 'content-encoding': encoding }).end(pack('hello')),
  );
  expect((await createEgress({ allow: [server.name] })(`http://${server.name}/`)).text()).toBe('hello');
});

test.each(['HEAD', 'GET'])('an empty packed answer to %s is empty', async (method) => {
  const server = await httpServer((_request, response) =>
    response.writeHead(method === 'GET' ? 204 : 200, { 'content-encoding': 'gzip' }).end(),
  );
  expect((await createEgress({ allow: [server.name] })(`http://${server.name}/`, { method })).text()).toBe('');
});

test('an answer of exactly the limit is read, one byte more is too large', async () => {
  const server = await httpServer((request, response) => response.end('x'.repeat(Number(request.url?.slice(1)))));
  const egress = createEgress({ allow: [server.name], maxResponseBytes: 1000 });
  expect((await egress(`http://${server.name}/1000`)).bytes()).toHaveLength(1000);
  await expect(egress(`http://${server.name}/1001`)).rejects.toMatchObject({
    kind: 'too_large',
    message: expect.stringContaining('1000 bytes'),
  });
});

test.each(Object.entries(packers))('a %s bomb is cut off while it unpacks, before it ends', async (encoding, pack) => {
  const bomb = pack(Buffer.alloc(16 * 1024 * 1024));
  const server = await httpServer((_request, response) => {
    response.writeHead(200, { 'content-encoding': encoding }).write(bomb); // and never ends
  });
  const egress = createEgress({ allow: [server.name], timeoutMs: 5_000 });
  await expect(egress(`http://${server.name}/`)).rejects.toMatchObject({ kind: 'too_large' });
});

test('an answer without end is cut off, also when it unpacks to nothing', async () => {
  const nothing = gzipSync('');
  const server = await httpServer((request, response) => {
    if (request.url === '/gzip') response.setHeader('content-encoding', 'gzip');
    const chunk =
      request.url === '/gzip' ? Buffer.concat(Array.from({ length: 1000 }, () => nothing)) : Buffer.alloc(20_000);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more).on('error', () => undefined);
    more();
  });
  const egress = createEgress({ allow: [server.name], maxResponseBytes: 500_000, timeoutMs: 5_000 });
  await expect(egress(`http://${server.name}/`)).rejects.toMatchObject({ kind: 'too_large' });
  await expect(egress(`http://${server.name}/gzip`)).rejects.toMatchObject({ kind: 'too_large' });
});
