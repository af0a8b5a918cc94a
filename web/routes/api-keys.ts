import { API_KEY_SCOPES, may } from '#core/roles.ts';
import { listApiKeys, type ApiKey } from '#db/api-keys.ts';
import { actorOf } from '#web/auth/index.ts';
import { makeOwnKey, revokeKey } from '#web/auth/own-keys.ts';
import type { WebDeps } from '#web/deps.ts';
import {
  body,
  createApi,
  createRoute,
  failures,
  iso,
  isoOrNull,
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

const zNew = z.object({ name: zField(100), scope: z.enum(API_KEY_SCOPES).default('full') });
const zKey = z
  .object({
    id: zUuid,
    name: z.string(),
    memberId: zUuid,
    createdBy: zUuid,
    /** How the key begins. */
    prefix: z.string(),
    scopes: z.array(z.string()),
    isBootstrap: z.boolean(),
    lastUsedAt: zTime.nullable(),
    revokedAt: zTime.nullable(),
    createdAt: zTime,
  })
  .openapi('ApiKey');

const keyJson = (key: ApiKey) => ({
  id: key.id,
  name: key.name,
  memberId: key.memberId,
  createdBy: key.createdBy,
  prefix: key.prefix,
  scopes: key.scopes,
  isBootstrap: key.isBootstrap,
  lastUsedAt: isoOrNull(key.lastUsedAt),
  revokedAt: isoOrNull(key.revokedAt),
  createdAt: iso(key.createdAt),
});

export function apiKeyRoutes({ db }: Pick<WebDeps, 'db'>): Api {
  const api = createApi();
  const add = createRoute({
    method: 'post',
    path: '/api/v1/api-keys',
    ...secured('apiKey.create'),
    summary: 'Make an API key that acts for you',
    request: body(zNew),
    responses: { 201: json(z.object({ id: zUuid, key: z.string() }), 'The key, shown this once'), ...failures },
  });
  api.openapi(add, async (c) => {
    const actor = actorOf(c);
    const made = await makeOwnKey(db, actor, c.req.valid('json'));
    return c.json(made, 201);
  });

  const list = createRoute({
    method: 'get',
    path: '/api/v1/api-keys',
    ...secured('apiKey.read'),
    summary: 'Your API keys; for owners and admins everybody’s',
    request: { query: zPage },
    responses: { 200: json(zList(zKey), 'Newest first, revoked ones too; never the key itself'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const whose = may(actor, 'member.manage') ? undefined : actor.memberId;
    const page = await db.withOrg(actor.orgId, (org) => listApiKeys(org, whose, c.req.valid('query')));
    return c.json({ items: page.items.map(keyJson), nextCursor: page.nextCursor }, 200);
  });

  const revoke = createRoute({
    method: 'delete',
    path: '/api/v1/api-keys/{id}',
    ...secured('apiKey.create'),
    summary: 'Revoke an API key, for ever',
    request: { params: zIdPath },
    responses: { 204: { description: 'Revoked' }, ...failures },
  });
  api.openapi(revoke, async (c) => {
    const actor = actorOf(c);
    await revokeKey(db, actor, c.req.valid('param').id);
    return c.body(null, 204);
  });
  return api;
}
