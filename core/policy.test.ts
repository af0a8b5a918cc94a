import { expect, test } from 'vitest';
import { isListed, settingsFields, zOrgSettings, zPolicy } from './policy.ts';

test('an empty list of hosts means any; a name means itself on the usual ports', () => {
  expect(isListed([], 'anything.test:1')).toBe(true);
  const one = ['example.com'];
  expect([isListed(one, 'example.com:443'), isListed(one, 'example.com:80'), isListed(one, 'example.com')]).toEqual([
    true,
    true,
    true,
  ]);
  for (const other of ['example.com:8443', 'a.example.com:443', 'example.com.evil.test:443', 'notexample.com:443'])
    expect([other, isListed(one, other)]).toEqual([other, false]);
});

test('a star means every name below, not the name itself, and a port means that port only', () => {
  const below = ['*.example.com'];
  expect([isListed(below, 'a.example.com:443'), isListed(below, 'a.b.example.com:443')]).toEqual([true, true]);
  expect([isListed(below, 'example.com:443'), isListed(below, 'evilexample.com:443')]).toEqual([false, false]);
  expect([
    isListed(['example.com:8443'], 'example.com:8443'),
    isListed(['example.com:8443'], 'example.com:443'),
  ]).toEqual([true, false]);
  expect(isListed(['10.0.0.1:8080', 'x.test'], '[::1]:443')).toBe(false);
});

test('what is stored empty has its defaults, and hosts are kept in lower case', () => {
  expect(zPolicy.parse({})).toMatchObject({ version: 1, write: 'approve', approverRoles: ['owner', 'admin'] });
  expect(zOrgSettings.parse({}).retention).toEqual({ runsDays: null, eventsDays: 90 });
  expect(settingsFields().egressHosts.parse(['API.Example.COM', '*.x.test:1'])).toEqual([
    'api.example.com',
    '*.x.test:1',
  ]);
  for (const bad of [
    '',
    '.',
    'a..b',
    '*',
    '*.',
    'a b',
    'http://x',
    'x/y',
    'x:0',
    'x:65536',
    'ä.test',
    '[::1]',
    '*.*.x',
  ])
    expect([bad, settingsFields().egressHosts.safeParse([bad]).success]).toEqual([bad, false]);
});
