import { Hono } from 'hono';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sha256 } from '#core/hash.ts';
import type { WebEnv } from './env.ts';

const own = (name: string): URL => new URL(`static/${name}`, import.meta.url);
const require = createRequire(import.meta.url);

// htmx comes from node_modules, so that pages work without any other server.
const FILES: Record<string, { from: () => URL | string; type: string }> = {
  'base.css': { from: () => own('base.css'), type: 'text/css; charset=utf-8' },
  'app.css': { from: () => own('app.css'), type: 'text/css; charset=utf-8' },
  'card.css': { from: () => own('card.css'), type: 'text/css; charset=utf-8' },
  'app.js': { from: () => own('app.js'), type: 'text/javascript; charset=utf-8' },
  'icon.svg': { from: () => own('icon.svg'), type: 'image/svg+xml' },
  'htmx.js': { from: () => require.resolve('htmx.org/dist/htmx.min.js'), type: 'text/javascript; charset=utf-8' },
  'hx-sse.js': {
    from: () => require.resolve('htmx.org/dist/ext/hx-sse.min.js'),
    type: 'text/javascript; charset=utf-8',
  },
};
const A_YEAR = 'public, max-age=31536000, immutable';

export interface Static {
  routes: Hono<WebEnv>;
  /** The address of a file with the hash of its content, which may be kept for ever. Throws for an unknown name. */
  urlOf(name: string): string;
}

/** The style, the script and htmx, read once. */
export function createStatic(): Static {
  const files = new Map(
    Object.entries(FILES).map(([name, { from, type }]) => {
      const text = readFileSync(from(), 'utf8');
      return [name, { text, type, hash: sha256(text).slice(0, 16) }];
    }),
  );
  const routes = new Hono<WebEnv>();
  routes.get('/static/:name', (c) => {
    const file = files.get(c.req.param('name'));
    if (!file) return c.notFound();
    const etag = `"${file.hash}"`;
    c.header('etag', etag);
    c.header('cache-control', c.req.query('v') === file.hash ? A_YEAR : 'no-cache');
    if (c.req.header('if-none-match') === etag) return c.body(null, 304);
    return c.body(file.text, 200, { 'content-type': file.type });
  });
  return {
    routes,
    urlOf: (name) => {
      const file = files.get(name);
      if (!file) throw new Error(`no static file ${name}`);
      return `/static/${name}?v=${file.hash}`;
    },
  };
}
