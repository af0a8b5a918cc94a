import { EXPORT_FORMATS, EXPORT_TYPES, exportAudit } from '#web/audit-export.ts';
import { createVerify } from '#web/audit-verify.ts';
import { listAuditPage } from '#db/audit-list.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { auditJson, verdictJson, zAuditFilters, zAuditQuery, zAuditRow, zVerdict } from './audit-json.ts';
import { createApi, createRoute, failures, json, secured, z, zList, type Api } from './define.ts';

export function auditRoutes({ db, keys }: Pick<WebDeps, 'db' | 'keys'>): Api {
  const api = createApi();
  const verify = createVerify({ db, keys });

  const list = createRoute({
    method: 'get',
    path: '/api/v1/audit',
    ...secured('audit.read'),
    summary: 'Who did what: ids and hashes, chained',
    request: { query: zAuditQuery },
    responses: { 200: json(zList(zAuditRow), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const page = await db.withOrg(actorOf(c).orgId, (org) => listAuditPage(org, c.req.valid('query')));
    return c.json({ items: page.items.map(auditJson), nextCursor: page.nextCursor }, 200);
  });

  const download = createRoute({
    method: 'get',
    path: '/api/v1/audit/export',
    ...secured('audit.read'),
    summary: 'The log, or what the filters leave of it, as a file of any size, oldest first',
    request: { query: zAuditFilters.extend({ format: z.enum(EXPORT_FORMATS).default('csv') }) },
    responses: {
      200: {
        description: 'The file',
        content: { 'text/csv': { schema: z.string() }, 'application/jsonl': { schema: z.string() } },
      },
      ...failures,
    },
  });
  api.openapi(download, (c) => {
    const { format, ...filters } = c.req.valid('query');
    return new Response(exportAudit(db, actorOf(c).orgId, filters, format), {
      headers: {
        'content-type': EXPORT_TYPES[format],
        'content-disposition': `attachment; filename="audit.${format}"`,
      },
    });
  });

  const check = createRoute({
    method: 'get',
    path: '/api/v1/audit/verify',
    ...secured('audit.read'),
    summary: 'Walks the whole chain and compares it with the signed checkpoints',
    responses: { 200: json(zVerdict, 'What holds'), ...failures },
  });
  api.openapi(check, async (c) => c.json(verdictJson(await verify(actorOf(c).orgId)), 200));
  return api;
}
