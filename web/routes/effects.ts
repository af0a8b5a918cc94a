import { forbidden, notFound } from '#core/errors.ts';
import { findEffect, listEffects } from '#db/effect-list.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';
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
  type Api,
  zField,
} from './define.ts';
import { effectJson, zEffect, zEffectQuery } from './effect-json.ts';

const zResolution = z.object({
  outcome: z.enum(['sent', 'not_sent']),
  externalId: zField(500).optional(),
});

export function effectRoutes({ db, client }: Pick<WebDeps, 'db' | 'client'>): Api {
  const api = createApi();
  const list = createRoute({
    method: 'get',
    path: '/api/v1/effects',
    ...secured('effect.read'),
    summary: 'The ledger of side effects: yours and those you may be asked about; for owners and admins all',
    request: { query: zEffectQuery },
    responses: { 200: json(zList(zEffect), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const page = await db.withOrg(actor.orgId, (org) => listEffects(org, actor, c.req.valid('query')));
    return c.json({ items: page.items.map(effectJson), nextCursor: page.nextCursor }, 200);
  });

  const get = createRoute({
    method: 'get',
    path: '/api/v1/effects/{id}',
    ...secured('effect.read'),
    summary: 'One entry of the ledger',
    request: { params: zIdPath },
    responses: { 200: json(zEffect, 'The entry'), ...failures },
  });
  api.openapi(get, async (c) => {
    const actor = actorOf(c);
    const effect = await db.withOrg(actor.orgId, (org) => findEffect(org, actor, c.req.valid('param').id));
    if (!effect) throw notFound('effect');
    return c.json(effectJson(effect), 200);
  });

  const resolve = createRoute({
    method: 'post',
    path: '/api/v1/effects/{id}/resolution',
    ...secured('effect.resolve'),
    summary: 'Say whether an ambiguous effect was sent',
    request: { params: zIdPath, ...body(zResolution) },
    responses: { 200: json(z.object({ status: z.literal('resolved') }), 'Recorded'), ...failures },
  });
  api.openapi(resolve, async (c) => {
    const { outcome, externalId } = c.req.valid('json');
    const answer = { outcome, ...(externalId !== undefined && { externalId }) };
    const resolved = await client.resolveEffect(actorOf(c), c.req.valid('param').id, answer);
    if (resolved.kind === 'not_found') throw notFound('effect');
    if (resolved.kind === 'forbidden') throw forbidden(resolved.text);
    if (resolved.kind === 'already') throw new ProblemError(409, resolved.text);
    return c.json({ status: 'resolved' } as const, 200);
  });
  return api;
}
