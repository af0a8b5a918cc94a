import { expect, test } from 'vitest';
import { createStatic } from './static.ts';

const files = createStatic();

test('style, script and htmx are served with their type, kept for ever under their hash, and asked for again without it', async () => {
  for (const name of [
    'base.css',
    'app.css',
    'card.css',
    'lists.css',
    'app.js',
    'icon.svg',
    'htmx.js',
    'hx-sse.js',
    'docs.css',
    'docs.js',
    'swagger-ui.css',
    'swagger-ui.js',
  ]) {
    const kept = await files.routes.request(files.urlOf(name));
    expect([name, kept.status]).toEqual([name, 200]);
    expect(kept.headers.get('cache-control')).toContain('immutable');
    const etag = kept.headers.get('etag') ?? '';
    const again = await files.routes.request(`/static/${name}`, { headers: { 'if-none-match': etag } });
    expect([again.status, again.headers.get('cache-control')]).toEqual([304, 'no-cache']);
  }
});

test('no other file can be reached', async () => {
  for (const path of [
    '/static/app.ts',
    '/static/..%2fdeps.ts',
    '/static/__proto__',
    '/static/constructor',
    '/static/swagger-ui-bundle.js.map',
    '/static/swagger-initializer.js',
  ])
    expect((await files.routes.request(path)).status).toBe(404);
});
