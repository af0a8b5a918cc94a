import { expect, test } from 'vitest';
import { createEgress } from '#activities/egress.ts';
import { rawServer } from './servers.fixture.ts';

test.each<[string, { method?: string; headers?: Record<string, string> }]>([
  ['a Host of its own', { headers: { Host: 'inner' } }],
  ['a Transfer-Encoding', { headers: { 'transfer-encoding': 'chunked' } }],
  ['a Connection header', { headers: { connection: 'keep-alive' } }],
  ['an Upgrade', { headers: { upgrade: 'websocket' } }],
  ['a proxy header', { headers: { 'Proxy-Authorization': 'Basic x' } }],
  ['a line break in a header', { headers: { 'x-a': 's3cret\r\nx-b: 2' } }],
  ['a line break in a header name', { headers: { 'x-a\r\nx-b': '1' } }],
  ['the method CONNECT', { method: 'CONNECT' }],
  ['a method with a space', { method: 'GET / HTTP/1.1\r\nx:' }],
])('a request with %s is refused before anything is opened', async (_what, init) => {
  const server = await rawServer();
  const call = createEgress({ allow: [server.name] })(`http://${server.name}/`, init);
  await expect(call).rejects.toMatchObject({ name: 'EgressError', kind: 'blocked' });
  await expect(call).rejects.not.toThrow(/s3cret/);
  expect(server.connections()).toBe(0);
});
