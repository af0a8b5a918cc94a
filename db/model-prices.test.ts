import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Actor } from '#core/roles.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { listAudit } from './audit.ts';
import { listPriceOverrides, removePriceOverride, setPriceOverride, zPriceOverride } from './model-prices.ts';

let world: World;
let ana: Person;
let other: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  [ana, other] = [await addOrg(world), await addOrg(world, 'Other')];
});
afterAll(() => world.drop());

const actor = (): Actor => ({ orgId: ana.orgId, memberId: ana.memberId, role: 'owner' });
const price = zPriceOverride.parse({ provider: 'openai', model: ' local/llama ', inputNanos: 1, outputNanos: 2 });
const listed = (of: Person) => inOrg(world, of.orgId, (org) => listPriceOverrides(org));

test('a price is set, changed and removed, each with its audit row; other orgs never see it', async () => {
  await inOrg(world, ana.orgId, (org) => setPriceOverride(org, actor(), price));
  await inOrg(world, ana.orgId, (org) => setPriceOverride(org, actor(), { ...price, outputNanos: 3 }));
  expect(await listed(ana)).toMatchObject([
    {
      provider: 'openai',
      model: 'local/llama',
      inputNanos: 1,
      cachedInputNanos: null,
      outputNanos: 3,
      setBy: ana.memberId,
    },
  ]);
  expect(await listed(other)).toEqual([]);
  const remove = (of: Person) =>
    inOrg(world, of.orgId, (org) => removePriceOverride(org, { ...actor(), orgId: of.orgId }, 'openai', 'local/llama'));
  expect(await remove(other)).toBe(false);
  expect(await remove(ana)).toBe(true);
  expect(await remove(ana)).toBe(false);
  expect(await listed(ana)).toEqual([]);
  const rows = await inOrg(world, ana.orgId, (org) => listAudit(org, { limit: 3 }));
  expect(rows.map(({ action }) => action)).toEqual(['model_price.removed', 'model_price.set', 'model_price.set']);
  expect(rows[1]?.actor).toBe(`member:${ana.memberId}`);
  expect(JSON.parse(rows[1]?.details ?? '')).toMatchObject({
    provider: 'openai',
    model: 'local/llama',
    outputNanos: 3,
  });
});

test.each([
  { provider: 'rules' },
  { model: '' },
  { model: 'two words' },
  { inputNanos: -1 },
  { inputNanos: 0.5 },
  { outputNanos: 1e16 },
])('a price with %j is refused at the door', (wrong) => {
  expect(zPriceOverride.safeParse({ ...price, ...wrong }).success).toBe(false);
});
