import { Hono } from 'hono';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { sha256 } from '#core/hash.ts';
import type { WebEnv } from './env.ts';

const own = (name: string) => (): URL => new URL(`static/${name}`, import.meta.url);
const require = createRequire(import.meta.url);
const CSS = 'text/css; charset=utf-8';
const JS = 'text/javascript; charset=utf-8';

// htmx and Swagger UI come from node_modules, so that pages work without any other server. Of Swagger UI only these two files are served.
const FILES: Record<string, { file: () => URL | string; type: string }> = {
  'base.css': { file: own('base.css'), type: CSS },
  'app.css': { file: own('app.css'), type: CSS },
  'card.css': { file: own('card.css'), type: CSS },
  'people.css': { file: own('people.css'), type: CSS },
  'lists.css': { file: own('lists.css'), type: CSS },
  'connections.css': { file: own('connections.css'), type: CSS },
  'models.css': { file: own('models.css'), type: CSS },
  'app.js': { file: own('app.js'), type: JS },
  'icon.svg': { file: own('icon.svg'), type: 'image/svg+xml' },
  'htmx.js': { file: () => require.resolve('htmx.org/dist/htmx.min.js'), type: JS },
  'hx-sse.js': { file: () => require.resolve('htmx.org/dist/ext/hx-sse.min.js'), type: JS },
  'docs.css': { file: own('docs.css'), type: CSS },
  'docs.js': { file: own('docs.js'), type: JS },
  'swagger-ui.css': { file: () => require.resolve('swagger-ui-dist/swagger-ui.css'), type: CSS },
  'swagger-ui.js': { file: () => require.resolve('swagger-ui-dist/swagger-ui-bundle.js'), type: JS },
};
const A_YEAR = 'public, max-age=31536000, immutable';

interface Loaded {
  bytes: Uint8Array<ArrayBuffer>;
  type: string;
  hash: string;
}
// Read when first asked for: few ever open the docs, and those are large.
const loaded = new Map<string, Loaded>();

function load(name: string): Loaded | undefined {
  const known = loaded.get(name);
  const listed = known ? undefined : Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (!listed) return known;
  const bytes = new Uint8Array(readFileSync(listed.file()));
  const file = { bytes, type: listed.type, hash: sha256(bytes).slice(0, 16) };
  loaded.set(name, file);
  return file;
}

export interface Static {
  routes: Hono<WebEnv>;
  /** The address of a file with the hash of its content, which may be kept for ever. Throws for an unknown name. */
  urlOf(name: string): string;
}

/** Styles, scripts, htmx and Swagger UI, each read once. */
export function createStatic(): Static {
  const routes = new Hono<WebEnv>();
  routes.get('/static/:name', (c) => {
    const file = load(c.req.param('name'));
    if (!file) return c.notFound();
    const etag = `"${file.hash}"`;
    c.header('etag', etag);
    c.header('cache-control', c.req.query('v') === file.hash ? A_YEAR : 'no-cache');
    if (c.req.header('if-none-match') === etag) return c.body(null, 304);
    return c.body(file.bytes, 200, { 'content-type': file.type });
  });
  return {
    routes,
    urlOf: (name) => {
      const file = load(name);
      if (!file) throw new Error(`no static file ${name}`);
      return `/static/${name}?v=${file.hash}`;
    },
  };
}
