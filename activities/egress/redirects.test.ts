import type { IncomingHttpHeaders } from 'node:http';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { createEgress } from '#activities/egress.ts';
import { testCertificate } from './certificate.fixture.ts';
import { httpServer, httpsServer } from './servers.fixture.ts';

const resolve = async () => ['127.0.0.1'];
const secrets = { authorization: 'Bearer s3cret', 'x-api-key': 's3cret', cookie: 'a=s3cret', 'accept-language': 'de' };

test('a GET follows redirects on its own origin and keeps its headers', async () => {
  const seen: IncomingHttpHeaders[] = [];
  const site = await httpServer((request, response) => {
    seen.push(request.headers);
    if (request.url === '/a') return response.writeHead(302, { location: '/b?x=1' }).end();
    return response.end(request.url);
  });
  const answer = await createEgress({ allow: [site.name] })(`http://${site.name}/a`, { headers: secrets });
  expect([answer.status, answer.text(), answer.url]).toEqual([200, '/b?x=1', `http://${site.name}/b?x=1`]);
  expect(seen.map((headers) => headers.authorization)).toEqual(['Bearer s3cret', 'Bearer s3cret']);
});

test('credentials do not travel to another origin, nor back again', async () => {
  const seen: [string | undefined, IncomingHttpHeaders][] = [];
  const second = await httpServer((request, response) => {
    seen.push([request.url, request.headers]);
    response.writeHead(302, { location: `http://${first.name}/end` }).end();
  });
  const first = await httpServer((request, response) => {
    seen.push([request.url, request.headers]);
    if (request.url === '/end') return response.end('done');
    return response.writeHead(307, { location: `http://${second.name}/away` }).end();
  });
  const egress = createEgress({ allow: [first.name, second.name] });
  expect((await egress(`http://${first.name}/start`, { headers: secrets })).text()).toBe('done');
  const [, away, end] = seen;
  for (const [, headers] of [away, end].filter((one) => one !== undefined)) {
    expect(Object.keys(headers).sort()).toEqual([
      'accept',
      'accept-encoding',
      'accept-language',
      'connection',
      'host',
      'user-agent',
    ]);
  }
  expect(seen.map(([url]) => url)).toEqual(['/start', '/away', '/end']);
});

test("a redirect away from the connection's hosts is refused", async () => {
  const other = await httpServer((_request, response) => response.end('other'));
  const site = await httpServer((_request, response) =>
    response.writeHead(302, { location: `http://${other.name}/` }).end(),
  );
  const egress = createEgress({ allow: [site.name, other.name], hosts: [site.name] });
  await expect(egress(`http://${site.name}/`)).rejects.toMatchObject({
    kind: 'blocked',
    message: expect.stringContaining('does not belong'),
  });
  expect(other.connections()).toBe(0);
});

test.each([301, 302, 303, 307, 308])('a write is never sent on by a %i, not even to the same place', async (status) => {
  let requests = 0;
  const site = await httpServer((request, response) => {
    requests += 1;
    response.writeHead(status, { location: request.url === '/a' ? '/b' : '/c' }).end();
  });
  const egress = createEgress({ allow: [site.name] });
  for (const init of [{ method: 'POST', body: '{}' }, { method: 'DELETE' }, { method: 'GET', body: '{}' }]) {
    await expect(egress(`http://${site.name}/a`, init)).rejects.toMatchObject({ kind: 'unclear' });
  }
  expect(requests).toBe(3);
  expect((await egress(`http://${site.name}/a`, { method: 'POST', body: '{}', redirect: 'manual' })).status).toBe(
    status,
  );
});

test('a redirect can be handed back or refused', async () => {
  const site = await httpServer((_request, response) => response.writeHead(302, { location: '/b' }).end());
  const egress = createEgress({ allow: [site.name] });
  const answer = await egress(`http://${site.name}/`, { redirect: 'manual' });
  expect([answer.status, answer.headers.get('location')]).toEqual([302, '/b']);
  await expect(egress(`http://${site.name}/`, { redirect: 'error' })).rejects.toMatchObject({ kind: 'unclear' });
  expect(site.connections()).toBe(2);
});

test('a loop of redirects ends after 5', async () => {
  let requests = 0;
  const site = await httpServer((_request, response) => response.writeHead(302, { location: `/${++requests}` }).end());
  await expect(createEgress({ allow: [site.name] })(`http://${site.name}/`)).rejects.toMatchObject({ kind: 'blocked' });
  expect(requests).toBe(6);
});

test('after a redirect, an unreachable place no longer counts as not sent', async () => {
  const site = await httpServer((_request, response) =>
    response.writeHead(302, { location: 'http://gone.example/' }).end(),
  );
  const lookUp = async (host: string) => {
    if (host === 'gone.example') throw new Error('ENOTFOUND');
    return ['127.0.0.1'];
  };
  const egress = createEgress({ allow: [`site.example:${site.port}`], resolve: lookUp });
  await expect(egress(`http://site.example:${site.port}/`)).rejects.toMatchObject({ kind: 'unclear' });
  await expect(egress('http://gone.example/')).rejects.toMatchObject({ kind: 'not_sent' });
});

test.each([
  'file:///etc/passwd',
  'gopher://127.0.0.1:1/_x',
  'data:text/plain,hi',
  'http://[',
  'http://u:p@example.com/',
])('a redirect to %s is refused', async (location) => {
  const site = await httpServer((_request, response) => response.writeHead(302, { location }).end());
  await expect(createEgress({ allow: [site.name] })(`http://${site.name}/`)).rejects.toMatchObject({ kind: 'blocked' });
});

test('https works with a certificate that is trusted, and never steps down to http', async () => {
  const certificate = testCertificate('secure.example');
  const before = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...before, certificate.cert]);
  try {
    const plain = await httpServer((_request, response) => response.end('plain'));
    const secure = await httpsServer(certificate, (request, response) => {
      if (request.url === '/down') response.writeHead(302, { location: `http://plain.example:${plain.port}/` });
      response.end('secure');
    });
    const allow = [`secure.example:${secure.port}`, `plain.example:${plain.port}`, secure.name];
    const egress = createEgress({ allow, resolve });
    expect((await egress(`https://secure.example:${secure.port}/`)).text()).toBe('secure');
    expect((await egress(`https://${secure.name}/`)).text()).toBe('secure');
    await expect(egress(`https://secure.example:${secure.port}/down`)).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringContaining('not encrypted'),
    });
    expect(plain.connections()).toBe(0);
  } finally {
    tls.setDefaultCACertificates(before);
  }
});
