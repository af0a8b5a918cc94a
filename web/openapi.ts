import type { Config } from '#core/config.ts';
import { escapeHtml } from './html.ts';
import type { Api } from './routes/define.ts';
import type { Static } from './static.ts';

export type ApiDocument = ReturnType<Api['getOpenAPI31Document']>;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** The OpenAPI 3.1 document of everything mounted on `api`. */
export function describeApi(api: Api, config: Config): ApiDocument {
  const { openAPIRegistry: registry } = api;
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'An abw_… API key',
  });
  registry.registerComponent('securitySchemes', 'apiKey', { type: 'apiKey', in: 'header', name: 'X-API-Key' });
  registry.registerComponent('securitySchemes', 'session', { type: 'apiKey', in: 'cookie', name: 'abw_session' });
  return api.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Abetworks',
      version: '1',
      description:
        'Errors are RFC 9457 problem documents. POST takes an Idempotency-Key header: the same key and body get the same answer for 24 hours.',
    },
    servers: [{ url: config.publicUrl }],
  });
}

export interface Operation {
  method: string;
  /** With `{id}`. */
  path: string;
  summary: string;
  /** From the permission matrix; null: anybody. */
  permission: string | null;
}

export const operationsOf = (document: ApiDocument): Operation[] =>
  Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      if (!operation) return [];
      const permission: unknown = operation['x-permission'];
      return [
        {
          method: method.toUpperCase(),
          path,
          summary: operation.summary ?? '',
          permission: typeof permission === 'string' ? permission : null,
        },
      ];
    }),
  );

/** The page for people: Swagger UI over the document, with local files only; without a script a plain list. */
export function renderDocs(document: ApiDocument, { urlOf }: Pick<Static, 'urlOf'>): string {
  const rows = operationsOf(document).map(
    ({ method, path, summary, permission }) =>
      `<tr><td>${method}</td><td><code>${escapeHtml(path)}</code></td><td>${escapeHtml(summary)}</td><td>${escapeHtml(permission ?? 'anybody')}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Abetworks API</title>
<link rel="icon" href="${urlOf('icon.svg')}"><link rel="stylesheet" href="${urlOf('swagger-ui.css')}"><link rel="stylesheet" href="${urlOf('docs.css')}">
<script src="${urlOf('swagger-ui.js')}" defer></script><script type="module" src="${urlOf('docs.js')}"></script></head>
<body><nav class="docs-bar" aria-label="Abetworks"><a href="/">Back to Abetworks</a><a href="/account">Your API keys</a><a href="/openapi.json">openapi.json</a></nav>
<main id="docs"></main>
<noscript><h1>Abetworks API</h1><p>${escapeHtml(document.info.description ?? '')}</p>
<table class="docs-plain"><thead><tr><th scope="col">Method</th><th scope="col">Path</th><th scope="col">What it does</th><th scope="col">Permission</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></noscript></body></html>`;
}
