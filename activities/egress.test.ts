import { expect, test } from 'vitest';
import { createEgress, EgressError, type EgressErrorKind } from './egress.ts';
import { inwardAddresses, inwardUrls } from './egress/inward.fixture.ts';
import { httpServer, rawServer } from './egress/servers.fixture.ts';

const REDIRECTS = [301, 302, 303, 307, 308];

/** A server inside, listening on every address of this machine. */
const innerServer = () =>
  rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret'), '::').catch(() =>
    rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret'), '0.0.0.0'),
  );

/** How a call ended: a kind of EgressError, or what came back. */
async function outcome(work: Promise<{ status: number }>): Promise<string> {
  try {
    return `answered ${(await work).status}`;
  } catch (error) {
    return error instanceof EgressError ? error.kind : String(error);
  }
}

/** Targets that did not end as `kind`, so that a failure names them. */
async function othersThan(
  kind: EgressErrorKind,
  targets: readonly string[],
  call: (target: string) => Promise<{ status: number }>,
) {
  const ends = await Promise.all(targets.map(async (target) => [target, await outcome(call(target))]));
  return ends.filter(([, end]) => end !== kind);
}

test('the inner server can be reached when nothing guards it', async () => {
  const inner = await innerServer();
  const egress = createEgress({ allow: [inner.name] });
  expect((await egress(`http://${inner.name}/`)).text()).toBe('secret');
  expect(inner.connections()).toBe(1);
});

test('120+ egress targets: 0 bytes sent inward, asked for directly', async () => {
  const inner = await innerServer();
  const targets = inwardUrls(inner.port);
  expect(new Set(targets).size).toBeGreaterThanOrEqual(120);
  const egress = createEgress();
  expect(await othersThan('blocked', targets, (url) => egress(url))).toEqual([]);
  expect(await othersThan('blocked', targets, (url) => egress(url, { method: 'POST', body: '{}' }))).toEqual([]);
  expect(inner.connections()).toBe(0);
});

test.each(REDIRECTS)('120+ egress targets: 0 bytes sent inward by a %i redirect', async (status) => {
  const inner = await innerServer();
  const targets = inwardUrls(inner.port);
  let asked = 0;
  const outer = await httpServer((request, response) => {
    asked += 1;
    // Raw bytes, as a server may send them.
    const location = Buffer.from(targets[Number(request.url?.slice(1))] ?? '').toString('latin1');
    response.writeHead(status, { location: location.replace(/[\t]/g, '') }).end();
  });
  const egress = createEgress({ allow: [`outer.example:${outer.port}`], resolve: async () => ['127.0.0.1'] });
  const indexes = targets.map((_, index) => String(index));
  const ends = await othersThan('blocked', indexes, (index) => egress(`http://outer.example:${outer.port}/${index}`));
  expect(ends.map(([index, end]) => [targets[Number(index)], end])).toEqual([]);
  expect(asked).toBeGreaterThanOrEqual(targets.length);
  expect(inner.connections()).toBe(0);
});

test('120+ egress targets: 0 bytes sent inward by a DNS answer', async () => {
  const inner = await innerServer();
  const addresses = inwardAddresses();
  const answers = addresses.flatMap((address) => [
    [address],
    ['8.8.8.8', address],
    [address, '8.8.8.8'],
    ['2606:4700::1111', address],
  ]);
  expect(answers.length).toBeGreaterThanOrEqual(120);
  const ends = await othersThan(
    'blocked',
    answers.map((list) => list.join(' ')),
    (list) => createEgress({ resolve: async () => list.split(' ') })(`http://evil.example:${inner.port}/`),
  );
  expect(ends).toEqual([]);
  expect(inner.connections()).toBe(0);
});

test('50 rebind rounds: 0 bytes sent inward, the name is asked once and its first answer is used', async () => {
  const inner = await innerServer();
  const outer = await httpServer((_request, response) => response.end('outer'));
  for (let round = 0; round < 50; round++) {
    let asked = 0;
    const resolve = async () => [asked++ === 0 ? '127.0.0.1' : '127.0.0.2'];
    const egress = createEgress({ resolve, allow: [`name.example:${outer.port}`] });
    expect((await egress(`http://name.example:${outer.port}/`)).text()).toBe('outer');
    expect(asked).toBe(1);
  }
  expect(outer.connections()).toBe(50);
  // A name that turns inward between the first request and its redirect to itself.
  let asked = 0;
  const turn = await httpServer((_request, response) =>
    response.writeHead(302, { location: `http://turn.example:${inner.port}/` }).end(),
  );
  const egress = createEgress({
    resolve: async () => [asked++ === 0 ? '127.0.0.1' : '::1'],
    allow: [`turn.example:${turn.port}`],
  });
  expect(await outcome(egress(`http://turn.example:${turn.port}/`))).toBe('blocked');
  expect(asked).toBe(2);
  expect(inner.connections()).toBe(0);
});

test('proxies of the environment are not used', async () => {
  const proxy = await rawServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  const outer = await httpServer((_request, response) => response.end('outer'));
  const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
  const before = names.map((name) => [name, process.env[name]] as const);
  try {
    for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://${proxy.name}`;
    expect((await createEgress({ allow: [outer.name] })(`http://${outer.name}/`)).text()).toBe('outer');
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
  expect(proxy.connections()).toBe(0);
});
