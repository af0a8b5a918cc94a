import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
});
afterAll(() => world.drop());

test('a price of a model whose name cannot be stored is refused by name, in the address too', async () => {
  const remove = (model: string) =>
    world.call(`/api/v1/models/prices?provider=openai&model=${model}`, { method: 'DELETE', as: owner });
  for (const model of ['%00', 'a%00b', 'a%20b', '']) {
    const { status, json } = await remove(model);
    expect([status, json.field]).toEqual([422, 'model']);
  }
  expect((await remove('gpt-9')).status).toBe(404);
});
