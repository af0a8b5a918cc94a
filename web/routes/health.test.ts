import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { createWorld, type World } from '#test/web/world.ts';
import { createApp } from '#web/app.ts';
import type { WebDeps } from '#web/deps.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld(idleClient());
});
afterAll(() => world.drop());

const ready = async (deps: Partial<WebDeps> = {}) => {
  const answer = await createApp({ ...world.deps, ...deps }).request('/health/ready');
  const body: { status: unknown; failing?: string[]; parts: object; detail?: string } = JSON.parse(await answer.text());
  return { status: answer.status, body };
};

test('everything works', async () => {
  expect(await ready()).toEqual({ status: 200, body: { status: 'ok', parts: { database: true, temporal: true } } });
});

test.each<[string, Partial<WebDeps>]>([
  ['temporal', { client: idleClient({ isAlive: async () => false }) }],
  ['temporal', { client: idleClient({ isAlive: () => Promise.reject(new Error('x')) }) }],
  ['worker', { health: async () => ({ worker: false, slack: true }) }],
  ['health', { health: () => Promise.reject(new Error('x')) }],
])('503 names %s', async (part, deps) => {
  const { status, body } = await ready(deps);
  expect([status, body.failing, body.detail]).toEqual([503, [part], `Not working: ${part}.`]);
});

test('a part that hangs is one that does not work', async () => {
  const { status, body } = await ready({ client: idleClient({ isAlive: () => new Promise(() => {}) }) });
  expect([status, body.failing]).toEqual([503, ['temporal']]);
}, 10_000);

test('without a database, health still answers and the rest fails without internals', async () => {
  const db = {
    ...world.deps.db,
    isAlive: async () => false,
    withSystem: () => Promise.reject(new Error('password authentication failed')),
  };
  expect(await ready({ db })).toMatchObject({ status: 503, body: { failing: ['database'] } });
  const answer = await createApp({ ...world.deps, db }).request('/api/v1/runs', {
    headers: { authorization: 'Bearer abw_0123456789abcdef' },
  });
  expect([answer.status, (await answer.text()).includes('password')]).toEqual([500, false]);
});
