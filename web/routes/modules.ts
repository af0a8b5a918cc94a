import { findConnector, toolsOf } from '#activities/integrations/index.ts';
import { notFound, UserError } from '#core/errors.ts';
import { isId } from '#core/ids.ts';
import type { Actor } from '#core/roles.ts';
import type { JsonObject } from '#core/tools.ts';
import type { Database } from '#db/client.ts';
import type { Connection } from '#db/connections.ts';
import { usableConnections } from '#db/usable-connections.ts';
import { zJson } from '#core/tools.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';
import { healthJson, zHealth } from './connection-json.ts';
import { body, createApi, createRoute, failures, json, problem, secured, z, zUuid, type Api } from './define.ts';
import { runGiven, zExecuted, zWaiting } from './module-run.ts';

const zListedHealth = zHealth.extend({ connection: z.string(), connectionId: zUuid, name: z.string() });
const zModule = z.object({
  /** `<connection>.<module id>`: what the gateway calls it by. */
  id: z.string(),
  name: z.string(),
  connection: z.string(),
  description: z.string(),
  effect: z.enum(['read', 'write', 'destructive']),
  input_schema: z.record(z.string(), z.unknown()),
});
const zExecute = z.object({ input_data: z.record(z.string(), z.unknown()) });
const zModulePath = z.object({
  id: z
    .string()
    .max(200)
    .openapi({ param: { name: 'id', in: 'path' }, example: 'analytics.text' }),
});

type Tool = ReturnType<typeof toolsOf>[number];
interface Found {
  connection: Connection;
  tool: Tool;
}

/** Modules for programs: each call is a run, so policy, approvals and the ledger are the same as in chat. */
export function moduleRoutes(deps: Pick<WebDeps, 'db' | 'client'>): Api {
  const { db } = deps;
  const api = createApi();
  const execute = createRoute({
    method: 'post',
    path: '/api/modules/{id}/execute',
    ...secured('request.create'),
    summary: 'Execute a module; a write may wait for an approval',
    request: { params: zModulePath, ...body(zExecute) },
    responses: {
      200: json(zExecuted, 'What the module answered'),
      202: json(zWaiting, 'It goes on: look at the run'),
      ...failures,
      502: problem('The module failed'),
      503: problem('The module is down'),
    },
  });
  api.openapi(execute, async (c) => {
    const actor = actorOf(c);
    const { connection, tool } = await findModule(db, actor, c.req.valid('param').id);
    const { action, toolName } = tool;
    if (action.off !== undefined) throw new ProblemError(409, action.off);
    if (connection.health === 'down' && isFresh(connection)) throw isDown(connection);
    const input = parseInput(action, c.req.valid('json').input_data);
    const ended = await runGiven(deps, actor, {
      tool: toolName,
      input,
      title: `Execute ${connection.slug}.${action.moduleId ?? action.name}`,
      name: connection.name,
      idempotencyId: c.get('idempotencyId'),
      signal: c.req.raw.signal,
    });
    if (ended.kind === 'done') return c.json(ended.answer, 200);
    c.header('location', `/api/v1/runs/${ended.answer.run_id}`);
    return c.json(ended.answer, 202);
  });

  const health = createRoute({
    method: 'get',
    path: '/api/modules/health',
    ...secured('connection.read'),
    summary: 'Which module servers work',
    responses: { 200: json(z.object({ items: z.array(zListedHealth) }), 'As the last look found them'), ...failures },
  });
  api.openapi(health, async (c) => {
    const items = (await serversOf(db, actorOf(c))).map((row) => ({
      connection: row.slug,
      connectionId: row.id,
      name: row.name,
      ...healthJson(row),
    }));
    return c.json({ items }, 200);
  });

  const available = createRoute({
    method: 'get',
    path: '/api/modules/available',
    ...secured('connection.read'),
    summary: 'What can be executed',
    responses: { 200: json(z.object({ items: z.array(zModule) }), 'Modules that are on'), ...failures },
  });
  api.openapi(available, async (c) => {
    const items = (await serversOf(db, actorOf(c))).flatMap((row) =>
      toolsOf(row)
        .filter(({ action }) => action.off === undefined)
        .map(({ action }) => ({
          id: `${row.slug}.${action.moduleId ?? action.name}`,
          name: action.moduleId ?? action.name,
          connection: row.slug,
          description: action.description,
          effect: action.effect,
          input_schema: action.input,
        })),
    );
    return c.json({ items }, 200);
  });
  return api;
}

/** The module servers that the actor's requests may use. */
const serversOf = (db: Database, actor: Actor): Promise<Connection[]> =>
  db.withOrg(actor.orgId, async (org) =>
    (await usableConnections(org, actor.memberId)).filter((row) => findConnector(row.connector).watched !== undefined),
  );

/** `<connection>.<module id>`: the connection by its slug or id, neither of which holds a dot. */
async function findModule(db: Database, actor: Actor, id: string): Promise<Found> {
  const at = id.indexOf('.');
  const [place, moduleId] = [id.slice(0, at).toLowerCase(), id.slice(at + 1)];
  const servers = at < 1 ? [] : await serversOf(db, actor);
  const connection = servers.find((row) => (isId(place) ? row.id : row.slug) === place);
  const tool = connection && toolsOf(connection).find(({ action }) => action.moduleId === moduleId);
  if (!connection || !tool) throw notFound('module');
  return { connection, tool };
}

const isFresh = ({ healthCheckedAt }: Connection): boolean =>
  healthCheckedAt !== null && Date.now() - healthCheckedAt.getTime() < 3 * 60_000;

const isDown = ({ name }: Pick<Connection, 'name'>): ProblemError =>
  new ProblemError(
    503,
    `${name} is down, so nothing was run. Try again when GET /api/modules/health says that it is up.`,
    {
      headers: { 'retry-after': '10' },
    },
  );

/** Checked here too, so that what is wrong with the input is said at once. Throws `UserError` 422 naming the field. */
function parseInput(action: Tool['action'], given: Record<string, unknown>): JsonObject {
  const input = zJson.parse(given) as JsonObject;
  try {
    action.parse(input);
    return input;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const field = error.field === undefined || error.field === 'input' ? 'input_data' : `input_data.${error.field}`;
    throw new UserError(`input_data.${error.message}`.replace('input_data.input:', 'input_data:'), {
      status: 422,
      field,
    });
  }
}
