import type { Socket } from 'node:net';
import tls from 'node:tls';
import { expect, test, vi } from 'vitest';
import { createEgress, EgressError } from '#activities/egress.ts';
import { testCertificate } from './certificate.fixture.ts';
import { httpServer, rawServer, tlsServer } from './servers.fixture.ts';

const POST = { method: 'POST', body: '{"amount":7}', headers: { 'content-type': 'application/json' } };
const resolve = async () => ['127.0.0.1'];
const kind = (kind: string, message: RegExp = /./) => ({
  name: 'EgressError',
  kind,
  message: expect.stringMatching(message),
});
const onRequest = (act: (socket: Socket) => void) => (socket: Socket) => void socket.once('data', () => act(socket));

test('E5 a closed port is not sent', async () => {
  const egress = createEgress({ allow: ['127.0.0.1:1'] });
  await expect(egress('http://127.0.0.1:1/', POST)).rejects.toMatchObject(kind('not_sent', /ECONNREFUSED/));
});

test('E5 a name without an address is not sent', async () => {
  const failing = createEgress({
    resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
  });
  await expect(failing('https://gone.example/', POST)).rejects.toMatchObject(
    kind('not_sent', /gone\.example.*ENOTFOUND/),
  );
  await expect(createEgress({ resolve: async () => [] })('https://gone.example/')).rejects.toMatchObject(
    kind('not_sent'),
  );
});

test('E5 a look-up that never ends is not sent', async () => {
  const egress = createEgress({ timeoutMs: 50, resolve: () => new Promise(() => undefined) });
  await expect(egress('https://slow.example/', POST)).rejects.toMatchObject(
    kind('not_sent', /no answer within 0\.05 s/),
  );
});

test('E5 every way TLS can fail is not sent, and nothing arrives inside it', async () => {
  const { server, decrypted } = await tlsServer(testCertificate('right.example'));
  const junk = await rawServer(onRequest((socket) => socket.end('SSH-2.0-OpenSSH\r\n')));
  const resets = await rawServer((socket) => socket.resetAndDestroy());
  const silent = await rawServer();
  const ports = [server, junk, resets, silent].map(({ port }) => port);
  const egress = createEgress({ timeoutMs: 300, resolve, allow: ports.map((port) => `right.example:${port}`) });
  for (const port of ports)
    await expect(egress(`https://right.example:${port}/`, POST)).rejects.toMatchObject(kind('not_sent'));
  expect(decrypted()).toBe('');
  expect(silent.received()).not.toContain('amount');
});

test('E5 a certificate for another name is not sent, even when its maker is trusted and checks are off in the environment', async () => {
  const certificate = testCertificate('right.example');
  const { server, decrypted } = await tlsServer(certificate);
  const before = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...before, certificate.cert]);
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  try {
    const egress = createEgress({ resolve, allow: [`wrong.example:${server.port}`] });
    const call = egress(`https://wrong.example:${server.port}/`, POST);
    await expect(call).rejects.toMatchObject(kind('not_sent', /ERR_TLS_CERT_ALTNAME_INVALID/));
  } finally {
    vi.unstubAllEnvs();
    tls.setDefaultCACertificates(before);
  }
  expect(decrypted()).toBe('');
});

test.each<[string, (socket: Socket) => void]>([
  [
    'accepted and reset unread',
    (socket) => {
      socket.pause();
      setTimeout(() => socket.resetAndDestroy(), 30);
    },
  ],
  ['accepted and closed', (socket) => socket.end()],
  ['read and reset', onRequest((socket) => socket.resetAndDestroy())],
  ['read and closed', onRequest((socket) => socket.end())],
  ['answered with something else', onRequest((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))],
  ['answered with half a header', onRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le'))],
  ['answered with half a body', onRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"id"'))],
  [
    'answered with half a chunk',
    onRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{"id"')),
  ],
  [
    'answered with broken gzip',
    onRequest((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc')),
  ],
  [
    'answered with endless headers',
    onRequest((socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(70_000)}\r\n\r\n`)),
  ],
])('E5 a request that was %s is unclear, and sent once', async (_how, behave) => {
  const server = await rawServer(behave);
  const call = createEgress({ allow: [server.name] })(`http://${server.name}/pay?key=s3cret`, POST);
  await expect(call).rejects.toMatchObject(kind('unclear', /may have arrived/));
  await expect(call).rejects.not.toThrow(/s3cret/);
  expect(server.connections()).toBe(1);
  expect(server.received().split('POST /pay').length).toBeLessThanOrEqual(2);
});

test('E5 a connection reset the moment it stands never counts as not sent once something was written', async () => {
  const server = await rawServer((socket) => socket.resetAndDestroy());
  const egress = createEgress({ allow: [server.name] });
  // Which of the two depends on whether we see the reset before we see the connection.
  const honest = /^not_sent: No connection to .* could be made|^unclear: .* the request may have arrived/;
  for (let round = 0; round < 20; round++) {
    const end = await egress(`http://${server.name}/`, POST).catch((error: unknown) => error);
    expect(end instanceof EgressError && `${end.kind}: ${end.message}`).toMatch(honest);
  }
  expect(server.connections()).toBe(20);
});

test.each<[string, (socket: Socket) => void]>([
  ['nothing', () => undefined],
  ['a body that never ends', onRequest((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{'))],
  [
    'drops',
    onRequest((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9000\r\n\r\n');
      const drip = setInterval(() => socket.write('x'), 10);
      socket.once('close', () => clearInterval(drip));
    }),
  ],
])('E4 an answer of %s is unclear when the time is over, and the connection is closed', async (_how, behave) => {
  let closed = false;
  const server = await rawServer((socket) => {
    socket.once('close', () => (closed = true));
    behave(socket);
  });
  const egress = createEgress({ allow: [server.name], timeoutMs: 150 });
  const started = performance.now();
  await expect(egress(`http://${server.name}/`, POST)).rejects.toMatchObject(
    kind('unclear', /no answer within 0\.15 s/),
  );
  expect(performance.now() - started).toBeLessThan(2_000);
  await vi.waitFor(() => expect(closed).toBe(true));
});

test('the time limit holds for all redirects together', async () => {
  const site = await httpServer((request, response) => {
    setTimeout(() => response.writeHead(302, { location: `${request.url}x` }).end(), 60);
  });
  const call = createEgress({ allow: [site.name], timeoutMs: 150 })(`http://${site.name}/`);
  await expect(call).rejects.toMatchObject(kind('unclear', /no answer within/));
});

test('a caller who stops before the connection sent nothing; afterwards it is unclear', async () => {
  const stop = new AbortController();
  const server = await rawServer(onRequest(() => stop.abort(new Error('run stopped'))));
  const egress = createEgress({ allow: [server.name] });
  const during = egress(`http://${server.name}/`, { ...POST, signal: stop.signal });
  await expect(during).rejects.toMatchObject(kind('unclear', /run stopped/));
  const after = egress(`http://${server.name}/`, { ...POST, signal: stop.signal });
  await expect(after).rejects.toMatchObject(kind('not_sent', /run stopped/));
  expect(server.received().match(/POST/g)).toHaveLength(1);
});

test('each request has its own connection', async () => {
  const server = await httpServer((request, response) => response.end(request.headers.connection));
  const egress = createEgress({ allow: [server.name] });
  for (let count = 1; count <= 3; count++) {
    expect((await egress(`http://${server.name}/`)).text()).toBe('close');
    expect(server.connections()).toBe(count);
  }
});

test('when one address of a name is dead the next is tried', async () => {
  const server = await httpServer((_request, response) => response.end('here'));
  const egress = createEgress({
    allow: [`two.example:${server.port}`],
    resolve: async () => ['127.0.0.9', '127.0.0.1'],
  });
  expect((await egress(`http://two.example:${server.port}/`)).text()).toBe('here');
});

test('an address is not looked up', async () => {
  const server = await httpServer((_request, response) => response.end('here'));
  const egress = createEgress({ allow: [server.name], resolve: () => Promise.reject(new Error('asked')) });
  expect((await egress(`http://${server.name}/`)).text()).toBe('here');
});

test('a connection that ends at another address than the checked one is not used', async () => {
  const server = await rawServer();
  // The system connects 0.0.0.0 to 127.0.0.1.
  const egress = createEgress({ allow: [`0.0.0.0:${server.port}`] });
  const call = egress(`http://0.0.0.0:${server.port}/`, POST);
  await expect(call).rejects.toMatchObject(kind('blocked', /was not checked/));
  expect(server.received()).toBe('');
});
