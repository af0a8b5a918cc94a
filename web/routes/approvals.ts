import { forbidden, notFound } from '#core/errors.ts';
import type { Actor } from '#core/roles.ts';
import type { JsonObject } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import { findApproval, listApprovals } from '#db/lists.ts';
import { APPROVAL_STATUSES } from '#db/schema/words.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { inputSchemaOf } from '#web/input-schema.ts';
import { ProblemError } from '#web/problem.ts';
import type { Decided } from '#workflows/client.ts';
import { approvalJson, zApproval, zApprovalDetail } from './approval-json.ts';
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
  zField,
} from './define.ts';

const zDecision = z.object({
  decision: z.enum(['approve', 'deny']),
  payloadSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'must be the sha256 of the payload that was read, in lower-case hex'),
  comment: zField(2000).optional(),
});
const zEdit = z.object({
  /** All the arguments, as they shall be. */
  input: z.record(z.string(), z.unknown()),
  payloadSha256: zDecision.shape.payloadSha256,
  comment: zField(2000).optional(),
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
    responses: { 200: json(zApprovalDetail, 'The approval'), ...failures },
  });
  api.openapi(get, async (c) => {
    const actor = actorOf(c);
    const found = await db.withOrg(actor.orgId, (org) => readDetail(org, actor, c.req.valid('param').id));
    if (!found) throw notFound('approval');
    return c.json(found, 200);
  });

  const edit = createRoute({
    method: 'post',
    path: '/api/v1/approvals/{id}/edit',
    ...secured('approval.decide'),
    summary: 'Change the arguments of what waits: a new approval takes its place, and you count as one who asked',
    request: { params: zIdPath, ...body(zEdit) },
    responses: { 200: json(zApprovalDetail, 'The new approval'), ...failures },
  });
  api.openapi(edit, async (c) => {
    const actor = actorOf(c);
    const { comment, input, payloadSha256 } = c.req.valid('json');
    const edited = await client.editApproval(actor, c.req.valid('param').id, {
      input: input as JsonObject,
      payloadSha256,
      ...(comment !== undefined && { comment }),
      surface: c.get('signedInBy') === 'cookie' ? 'web' : 'api',
    });
    if (edited.kind === 'unchanged') throw new ProblemError(422, `input: ${edited.text}`, { field: 'input' });
    if (edited.kind === 'duplicate')
      throw new ProblemError(409, edited.text, {
        extensions: { reason: 'duplicate', approvalId: edited.approvalId },
      });
    if (edited.kind !== 'edited') throw refusal(edited);
    const found = await db.withOrg(actor.orgId, (org) => readDetail(org, actor, edited.approvalId));
    if (!found) throw notFound('approval');
    return c.json(found, 200);
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

async function readDetail(org: Org, actor: Actor, approvalId: string) {
  const row = await findApproval(org, actor, approvalId);
  if (!row) return null;
  const { approval } = row;
  const inputSchema = await inputSchemaOf(org, { ...approval, payloadText: approval.payload });
  return { ...approvalJson(row), inputSchema };
}

function refusal(decided: Exclude<Decided, { kind: 'decided' }>): Error {
  if (decided.kind === 'not_found') return notFound('approval');
  if (decided.kind === 'forbidden') return forbidden(decided.text);
  if (decided.kind === 'expired') return new ProblemError(410, decided.text);
  if (decided.kind === 'changed') return new ProblemError(409, decided.text, { extensions: { reason: 'changed' } });
  const { status: approvalStatus, decidedBy } = decided;
  return new ProblemError(409, decided.text, { extensions: { reason: 'already', approvalStatus, decidedBy } });
}
