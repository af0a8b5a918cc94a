import { actorText } from '#core/roles.ts';
import { findConnector, slugOf } from '#activities/integrations/index.ts';
import { notFound, UserError } from '#core/errors.ts';
import { audit } from '#db/audit.ts';
import {
  addConnection,
  listConnections,
  noteTest,
  readConnection,
  removeConnection,
  rotateCredential,
} from '#db/connections.ts';
import { requireListed } from '#db/settings.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { acceptOffer } from './connection-accept.ts';
import { connectionJson, listedJson, zConnection, zListedConnection } from './connection-json.ts';
import { compileSettings, parseCredential } from './connection-input.ts';
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
  zUuid,
  type Api,
  zField,
} from './define.ts';

const zNew = z.object({
  connector: z.string().min(1).max(50),
  name: zField(80),
  /** As the connector wants them; for `rest` with the OpenAPI document or its address. */
  settings: z.record(z.string(), z.unknown()).default({}),
  /** Sealed at once and never shown again. */
  credential: z.unknown().optional(),
  visibility: z.enum(['org', 'personal']).default('org'),
});
const zAccept = z.object({
  /** Of what was looked at: `offeredSha256` of the connection. */
  offeredSha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a sha256 in hex'),
  /** Ids of the modules that are on. Left out: what was on stays on, and what is new is on. */
  enabled: z.array(z.string().max(64)).max(200).optional(),
});
const zRotation = z.object({ credential: z.unknown() });

export function connectionRoutes({ db, client, keys }: Pick<WebDeps, 'db' | 'client' | 'keys'>): Api {
  const api = createApi();
  const add = createRoute({
    method: 'post',
    path: '/api/v1/connections',
    ...secured('connection.manage'),
    summary: 'Connect another system',
    request: body(zNew),
    responses: { 201: json(zConnection, 'Connected; the credential is not in it'), ...failures },
  });
  api.openapi(add, async (c) => {
    const actor = actorOf(c);
    const { connector: id, name, settings: raw, credential: given, visibility } = c.req.valid('json');
    const connector = findConnector(id);
    const credential = parseCredential(connector, given);
    const settings = await compileSettings(connector, raw, { client, actor, credential });
    const isTrusted = raw['trusted'] === true;
    const wanted = {
      connector: id,
      name,
      slug: slugOf(name),
      settings,
      isTrusted,
      visibility,
      ownerMemberId: actor.memberId,
      isWatched: connector.watched !== undefined,
    };
    const row = await db.withOrg(actor.orgId, async (org) => {
      await requireListed(org, connector.hosts(settings));
      const added = await addConnection(org, keys, wanted, credential);
      const target = { type: 'connection', id: added.id };
      await audit(org, {
        actor: actorText(actor),
        action: 'connection.added',
        target,
        details: { connector: id, isTrusted },
      });
      return added;
    });
    return c.json(connectionJson(row), 201);
  });

  const list = createRoute({
    method: 'get',
    path: '/api/v1/connections',
    ...secured('connection.read'),
    summary: 'What is connected',
    request: { query: zPage },
    responses: { 200: json(zList(zListedConnection), 'Newest first, without settings'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const page = await db.withOrg(actor.orgId, (org) => listConnections(org, actor, c.req.valid('query')));
    return c.json({ items: page.items.map(listedJson), nextCursor: page.nextCursor }, 200);
  });

  const get = createRoute({
    method: 'get',
    path: '/api/v1/connections/{id}',
    ...secured('connection.read'),
    summary: 'One connection',
    request: { params: zIdPath },
    responses: { 200: json(zConnection, 'Without its credential'), ...failures },
  });
  api.openapi(get, async (c) => {
    const actor = actorOf(c);
    const row = await db.withOrg(actor.orgId, (org) => readConnection(org, actor, c.req.valid('param').id));
    if (!row) throw notFound('connection');
    return c.json(connectionJson(row), 200);
  });

  const remove = createRoute({
    method: 'delete',
    path: '/api/v1/connections/{id}',
    ...secured('connection.manage'),
    summary: 'Disconnect: the credential is erased',
    request: { params: zIdPath },
    responses: { 204: { description: 'Gone' }, ...failures },
  });
  api.openapi(remove, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    await db.withOrg(actor.orgId, async (org) => {
      if (!(await removeConnection(org, id))) throw notFound('connection');
      await audit(org, { actor: actorText(actor), action: 'connection.removed', target: { type: 'connection', id } });
    });
    return c.body(null, 204);
  });

  const test = createRoute({
    method: 'post',
    path: '/api/v1/connections/{id}/test',
    ...secured('connection.manage'),
    summary: 'Call it harmlessly',
    request: { params: zIdPath },
    responses: { 200: json(z.object({ text: z.string() }), 'What answered, in a sentence'), ...failures },
  });
  api.openapi(test, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    if (!(await db.withOrg(actor.orgId, (org) => readConnection(org, actor, id)))) throw notFound('connection');
    const tested = await client.testConnection(actor, id).catch((error: unknown) => {
      if (error instanceof UserError) return error;
      throw error;
    });
    const text = typeof tested === 'string' ? tested : tested.message;
    const isWorking = typeof tested === 'string';
    await db.withOrg(actor.orgId, async (org) => {
      await noteTest(org, id, text);
      const target = { type: 'connection', id };
      await audit(org, { actor: actorText(actor), action: 'connection.tested', target, details: { isWorking } });
    });
    if (typeof tested !== 'string') throw tested;
    return c.json({ text }, 200);
  });

  const accept = createRoute({
    method: 'post',
    path: '/api/v1/connections/{id}/accept',
    ...secured('connection.manage'),
    summary: 'Accept what it offers now; until then what changed is off',
    request: { params: zIdPath, ...body(zAccept) },
    responses: { 200: json(zConnection, 'Accepted, under a new settings version'), ...failures },
  });
  api.openapi(accept, async (c) => {
    const row = await acceptOffer(db, actorOf(c), c.req.valid('param').id, c.req.valid('json'));
    return c.json(connectionJson(row), 200);
  });

  const rotate = createRoute({
    method: 'post',
    path: '/api/v1/connections/{id}/credential',
    ...secured('connection.manage'),
    summary: 'Give it another credential; the old one is erased',
    request: { params: zIdPath, ...body(zRotation) },
    responses: { 200: json(z.object({ id: zUuid, version: z.int() }), 'Replaced'), ...failures },
  });
  api.openapi(rotate, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    const row = await db.withOrg(actor.orgId, (org) => readConnection(org, actor, id));
    if (!row) throw notFound('connection');
    const credential = parseCredential(findConnector(row.connector), c.req.valid('json').credential);
    const version = await db.withOrg(actor.orgId, async (org) => {
      const made = await rotateCredential(org, keys, id, credential);
      if (made === null) throw notFound('connection');
      const target = { type: 'connection', id };
      await audit(org, {
        actor: actorText(actor),
        action: 'connection.credential_rotated',
        target,
        details: { version: made },
      });
      return made;
    });
    return c.json({ id, version }, 200);
  });
  return api;
}
