import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { createWorld, type World } from '#test/web/world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld(idleClient());
});
afterAll(() => world.drop());

test('the document is OpenAPI 3.1, names every schema it refers to, and is readable without a key', async () => {
  const { status, json, text } = await world.call('/openapi.json');
  expect(status).toBe(200);
  expect(json.openapi).toBe('3.1.0');
  const refs = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]);
  expect(refs.length).toBeGreaterThan(10);
  for (const ref of refs) expect(json.components.schemas).toHaveProperty(ref ?? '');
  expect(text).not.toContain('"nullable"');
});

test('the docs page lists every operation also without a script, and every file it names is ours', async () => {
  const { json } = await world.call('/openapi.json');
  const { text, headers } = await world.call('/docs');
  expect(headers.get('content-type')).toContain('text/html');
  for (const path of Object.keys(json.paths)) expect(text).toContain(path);
  const named = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? '');
  expect(named.filter((address) => address.startsWith('/static/')).length).toBeGreaterThanOrEqual(5);
  for (const address of named) {
    expect(address).toMatch(/^\/[a-z]*/);
    expect([address, (await world.call(address)).status]).not.toEqual([address, 404]);
  }
  expect(text).not.toMatch(/<script>|<style|https?:\/\//);
});
