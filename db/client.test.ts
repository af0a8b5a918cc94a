import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { layWire } from '#test/chaos/wire.ts';
import { createTestDatabase } from '#test/setup/database.ts';
import { createDatabase } from './client.ts';

test('when the database is back after an outage, it is used again at once, however often it was asked in vain', async () => {
  const { url, drop } = await createTestDatabase();
  const at = new URL(url);
  const wire = await layWire(at.host);
  const db = createDatabase({ url: Object.assign(at, { host: wire.address }).href, max: 1 });
  const ask = () => db.withSystem('test', async () => true);
  try {
    expect(await ask()).toBe(true);
    await wire.unplug();
    // The seventh failure would be waited for 3 to 7 s.
    for (let failures = 1; failures <= 7; failures += 1)
      await expect(ask()).rejects.toThrow(/CONNECTION_CLOSED|ECONNREFUSED/);
    await wire.plug();
    const back = await Promise.race([ask(), pause(2_500, 'not yet', { ref: false })]);
    expect(back).toBe(true);
  } finally {
    await db.close();
    await wire.stop();
    await drop();
  }
});
