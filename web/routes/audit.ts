import { listAuditPage } from '#db/lists.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { createApi, createRoute, failures, json, secured, z, zList, zPage, type Api } from './define.ts';

const zRow = z
  .object({
    seq: z.int(),
    at: z.string().openapi({ format: 'date-time' }),
    actor: z.string(),
    action: z.string(),
    target: z.object({ type: z.string(), id: z.string() }),
    details: z.record(z.string(), z.unknown()),
    previousHash: z.string(),
    hash: z.string(),
  })
  .openapi('AuditRow');

export function auditRoutes({ db }: Pick<WebDeps, 'db'>): Api {
  const api = createApi();
  const list = createRoute({
    method: 'get',
    path: '/api/v1/audit',
    ...secured('audit.read'),
    summary: 'Who did what: ids and hashes, chained',
    request: { query: zPage },
    responses: { 200: json(zList(zRow), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const page = await db.withOrg(actorOf(c).orgId, (org) => listAuditPage(org, c.req.valid('query')));
    const items = page.items.map((row) => ({
      seq: row.seq,
      at: row.at,
      actor: row.actor,
      action: row.action,
      target: { type: row.targetType, id: row.targetId },
      details: z.record(z.string(), z.unknown()).parse(JSON.parse(row.details)),
      previousHash: row.previousHash,
      hash: row.hash,
    }));
    return c.json({ items, nextCursor: page.nextCursor }, 200);
  });
  return api;
}
