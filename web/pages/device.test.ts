import { expect, test } from 'vitest';
import { deviceOf } from './device.ts';

test('a device is named by browser and system, whatever else it claims to be', () => {
  const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36';
  expect(deviceOf(chrome)).toBe('Chrome on Linux');
  expect(deviceOf(`${chrome} Edg/140.0`)).toBe('Edge on Linux');
  expect(deviceOf('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1')).toBe(
    'Safari on iPhone',
  );
  expect(deviceOf('curl/8.9')).toBe('curl');
  expect(deviceOf(null)).toBe('Unknown device');
  expect(deviceOf('<script>')).toBe('Unknown device');
});
