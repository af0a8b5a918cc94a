import { forbidden, notFound } from '#core/errors.ts';
import { actorText, can } from '#core/roles.ts';
import { zText } from '#core/text.ts';
import { API_KEY_SCOPES, createApiKey, listApiKeys, readApiKey, revokeApiKey, type ApiKey } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import { actorOf } from '#web/auth/index.ts';
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
} from './define.ts';

const zNew = z.object({ name: zText(100).openapi({ type: 'string' }), scope: z.enum(API_KEY_SCOPES).default('full') });
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
    const { name, scope } = c.req.valid('json');
    const made = await db.withOrg(actor.orgId, async (org) => {
      const key = await createApiKey(org, {
        memberId: actor.memberId,
        createdBy: actor.memberId,
        name,
        scopes: [scope],
      });
      const target = { type: 'api_key', id: key.id };
      await audit(org, { actor: actorText(actor), action: 'api_key.created', target, details: { scope } });
      return key;
    });
    return c.json(made, 201);
  });

  const list = createRoute({
    method: 'get',
    path: '/api/v1/api-keys',
    ...secured('apiKey.create'),
    summary: 'Your API keys; for owners and admins everybody’s',
    request: { query: zPage },
    responses: { 200: json(zList(zKey), 'Newest first, revoked ones too; never the key itself'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const whose = can(actor.role, 'member.manage') ? undefined : actor.memberId;
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
    const { id } = c.req.valid('param');
    await db.withOrg(actor.orgId, async (org) => {
      const key = await readApiKey(org, id);
      const isOwn = key?.memberId === actor.memberId;
      if (!key || (!isOwn && !can(actor.role, 'member.manage'))) throw notFound('API key');
      if (!isOwn && key.memberRole === 'owner' && actor.role !== 'owner')
        throw forbidden('Only an owner revokes an owner’s key.');
      await revokeApiKey(org, id);
      await audit(org, { actor: actorText(actor), action: 'api_key.revoked', target: { type: 'api_key', id } });
    });
    return c.body(null, 204);
  });
  return api;
}
