import { expect, test } from 'vitest';
import { reachOf, sameAddress } from './address.ts';

const reaches: [string, string[]][] = [
  [
    'public',
    ['8.8.8.8', '93.184.216.34', '172.32.0.1', '100.128.0.1', '11.0.0.1', '2606:4700::1111', '2a00:1450:4001::8a'],
  ],
  ['public', ['::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2a00::5efe:808:808']],
  [
    'private',
    ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '127.0.0.1', '127.255.255.254', '100.64.0.1'],
  ],
  ['private', ['::1', 'fc00::1', 'fd00:ec2::254', '::ffff:10.0.0.1', '64:ff9b::7f00:1', '100.100.100.200']],
  [
    'special',
    [
      '0.0.0.0',
      '0.1.2.3',
      '169.254.169.254',
      '168.63.129.16',
      '192.0.0.192',
      '192.0.2.1',
      '198.51.100.7',
      '203.0.113.9',
    ],
  ],
  ['special', ['198.18.0.1', '192.88.99.1', '224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255']],
  [
    'special',
    ['::', 'fe80::1', 'fec0::1', 'ff02::1', '2002:7f00:1::', '2001:0:7f00:1::', '2001:db8::1', '3fff::1', '5f00::1'],
  ],
  [
    'special',
    [
      '::127.0.0.1',
      '::8.8.8.8',
      '::ffff:0:127.0.0.1',
      '64:ff9b:1::7f00:1',
      '100::1',
      '4000::1',
      '2a00::5efe:a00:1',
      'fe80::5efe:808:808',
    ],
  ],
  ['special', ['fe80::1%eth0', '2606:4700::1111%1', 'localhost', '', '300.1.1.1', '::ffff:169.254.169.254']],
];

test.each(reaches)('%s is what %j are', (reach, addresses) => {
  expect(addresses.map((address) => [address, reachOf(address)])).toEqual(addresses.map((address) => [address, reach]));
});

test('a public address of this very machine is private', () => {
  expect(reachOf('93.184.216.34', ['93.184.216.34'])).toBe('private');
  expect(reachOf('::ffff:93.184.216.34', ['93.184.216.34'])).toBe('private');
  expect(reachOf('2606:4700:0::1111', ['2606:4700::1111'])).toBe('private');
});

test('the far end of a connection is compared by address, not by spelling', () => {
  expect(sameAddress('::ffff:127.0.0.1', '127.0.0.1')).toBe(true);
  expect(sameAddress('2606:4700:0:0::1111', '2606:4700::1111')).toBe(true);
  expect(sameAddress('127.0.0.2', '127.0.0.1')).toBe(false);
  expect(sameAddress(undefined, '127.0.0.1')).toBe(false);
});
