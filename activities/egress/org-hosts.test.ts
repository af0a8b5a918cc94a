import { expect, test } from 'vitest';
import { createEgress } from '#activities/egress.ts';
import { httpServer } from './servers.fixture.ts';

test('an org’s list of hosts holds beside the operator’s and the connection’s own, and says who can add to it', async () => {
  const site = await httpServer((_request, response) => response.end('hello'));
  const ask = (orgHosts: string[]) =>
    createEgress({ allow: [site.name], hosts: [site.name], orgHosts })(`http://${site.name}/x?secret=1`);
  expect((await ask([])).text()).toBe('hello');
  expect((await ask([site.name])).text()).toBe('hello');
  for (const other of ['example.com', '127.0.0.1', `127.0.0.1:${site.port + 1}`, '*.0.0.1'])
    await expect(ask([other])).rejects.toMatchObject({
      kind: 'blocked',
      message: expect.stringMatching(/list of hosts.*Settings/),
    });
  expect(site.connections()).toBe(2);
});

test('a host on the org’s list is not thereby allowed inside: that stays the operator’s', async () => {
  const site = await httpServer((_request, response) => response.end('inside'));
  const ask = createEgress({ orgHosts: [site.name] })(`http://${site.name}/`);
  await expect(ask).rejects.toMatchObject({ kind: 'blocked', message: expect.stringContaining('not') });
  expect(site.connections()).toBe(0);
});

test('a redirect to a host that is not on the org’s list is refused before anything is sent there', async () => {
  const other = await httpServer((_request, response) => response.end('other'));
  const site = await httpServer((_request, response) =>
    response.writeHead(302, { location: `http://${other.name}/` }).end(),
  );
  const egress = createEgress({ allow: [site.name, other.name], orgHosts: [site.name] });
  await expect(egress(`http://${site.name}/`)).rejects.toMatchObject({
    kind: 'blocked',
    message: expect.stringContaining('redirects elsewhere'),
  });
  expect(other.connections()).toBe(0);
});

test('a name is looked at as the connection will use it: capitals, a final dot and the usual port make no difference', async () => {
  const resolve = async () => ['127.0.0.1'];
  const ask = (url: string) => createEgress({ resolve, orgHosts: ['*.example.com'] })(url);
  // Past the list, the look-up then finds a private address.
  for (const url of ['https://API.Example.com/', 'https://api.example.com./', 'http://api.example.com:80/'])
    await expect(ask(url)).rejects.toMatchObject({ message: expect.not.stringContaining('list of hosts') });
  for (const url of ['https://example.com/', 'https://api.example.com:8443/', 'https://api.example.com.evil.test/'])
    await expect(ask(url)).rejects.toMatchObject({ message: expect.stringContaining('list of hosts') });
});
