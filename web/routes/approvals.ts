import { forbidden, notFound } from '#core/errors.ts';
import { zText } from '#core/text.ts';
import { findApproval, listApprovals } from '#db/lists.ts';
import { APPROVAL_STATUSES } from '#db/schema/words.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';
import type { Decided } from '#workflows/client.ts';
import { approvalJson, zApproval } from './approval-json.ts';
import {
  body,
  createApi,
  createRoute,
  failures,
  json,
  secured,
  z,
  zIdPath,
  zList,
  zPage,
  zTime,
  zUuid,
  type Api,
} from './define.ts';

const zDecision = z.object({
  decision: z.enum(['approve', 'deny']),
  payloadSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be the sha256 of the payload that was read, in lower-case hex'),
  comment: zText(2000).optional().openapi({ type: 'string' }),
});
const zDecided = z.object({ status: z.enum(['approved', 'denied']), decidedBy: z.string(), decidedAt: zTime });

export function approvalRoutes({ db, client }: Pick<WebDeps, 'db' | 'client'>): Api {
  const api = createApi();
  const list = createRoute({
    method: 'get',
    path: '/api/v1/approvals',
    ...secured('approval.read'),
    summary: 'Approvals you asked for or may decide; for owners and admins all',
    request: { query: zPage.extend({ status: z.enum(APPROVAL_STATUSES).optional(), runId: zUuid.optional() }) },
    responses: { 200: json(zList(zApproval), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const page = await db.withOrg(actor.orgId, (org) => listApprovals(org, actor, c.req.valid('query')));
    return c.json({ items: page.items.map(approvalJson), nextCursor: page.nextCursor }, 200);
  });

  const get = createRoute({
    method: 'get',
    path: '/api/v1/approvals/{id}',
    ...secured('approval.read'),
    summary: 'One approval',
    request: { params: zIdPath },
    responses: { 200: json(zApproval, 'The approval'), ...failures },
  });
  api.openapi(get, async (c) => {
    const actor = actorOf(c);
    const row = await db.withOrg(actor.orgId, (org) => findApproval(org, actor, c.req.valid('param').id));
    if (!row) throw notFound('approval');
    return c.json(approvalJson(row), 200);
  });

  const decide = createRoute({
    method: 'post',
    path: '/api/v1/approvals/{id}/decision',
    ...secured('approval.decide'),
    summary: 'Approve or deny exactly the payload you read',
    request: { params: zIdPath, ...body(zDecision) },
    responses: { 200: json(zDecided, 'Recorded'), ...failures },
  });
  api.openapi(decide, async (c) => {
    const { comment, ...decision } = c.req.valid('json');
    const decided = await client.decide(actorOf(c), c.req.valid('param').id, {
      ...decision,
      ...(comment !== undefined && { comment }),
      surface: c.get('signedInBy') === 'cookie' ? 'web' : 'api',
    });
    if (decided.kind !== 'decided') throw refusal(decided);
    const { status, decidedBy, decidedAt } = decided;
    return c.json({ status, decidedBy, decidedAt }, 200);
  });
  return api;
}

function refusal(decided: Exclude<Decided, { kind: 'decided' }>): Error {
  if (decided.kind === 'not_found') return notFound('approval');
  if (decided.kind === 'forbidden') return forbidden(decided.text);
  if (decided.kind === 'expired') return new ProblemError(410, decided.text);
  if (decided.kind === 'changed') return new ProblemError(409, decided.text, { extensions: { reason: 'changed' } });
  const { status: approvalStatus, decidedBy } = decided;
  return new ProblemError(409, decided.text, { extensions: { reason: 'already', approvalStatus, decidedBy } });
}
