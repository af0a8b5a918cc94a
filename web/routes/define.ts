import { createRoute, OpenAPIHono, z, type Hook } from '@hono/zod-openapi';
import type { Context, MiddlewareHandler } from 'hono';
import { notFound } from '#core/errors.ts';
import { isId } from '#core/ids.ts';
import { can, inScope, type Permission } from '#core/roles.ts';
import { zText } from '#core/text.ts';
import type { Principal } from '#db/api-keys.ts';
import { BAD_CURSOR, SEQUENCE_CURSOR, TIME_CURSOR } from '#db/paging.ts';
import { outOfScope } from '#web/auth/api-key.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebEnv } from '#web/env.ts';
import { ProblemError } from '#web/problem.ts';

// What the route files share: the contract of each route is its zod schemas, and the document is made from them.

export { createRoute, z };
export type Api = OpenAPIHono<WebEnv>;
export const createApi = (): Api => new OpenAPIHono<WebEnv>({ defaultHook: refuseInvalid });

const NOUNS: Record<string, string> = {
  runs: 'run',
  threads: 'thread',
  approvals: 'approval',
  connections: 'connection',
  members: 'member',
  'api-keys': 'API key',
  effects: 'effect',
};

/** 422 that names the field, or 404 for an id that cannot be one. */
// oxlint-disable-next-line typescript/no-explicit-any -- the library's own type for a hook of any route
const refuseInvalid: Hook<any, WebEnv, any, any> = (result, c) => {
  if (result.success) return;
  if (result.target === 'param') throw notFound(NOUNS[c.req.path.split('/')[3] ?? ''] ?? 'thing');
  const errors = result.error.issues
    .slice(0, 20)
    .map(({ path, message }) => ({ field: path.join('.') || 'body', message }));
  const [first = { field: 'body', message: 'is not valid' }] = errors;
  throw new ProblemError(422, `${first.field}: ${first.message}`, { field: first.field, extensions: { errors } });
};

const SECURITY: Record<string, string[]>[] = [{ bearer: [] }, { apiKey: [] }, { session: [] }];

/** Who may call a route, in its middleware and in the document, from the one permission matrix (RULES D2). */
export const secured = (permission: Permission) => ({
  security: SECURITY,
  middleware: requirePermission(permission),
  'x-permission': permission,
});

const requirePermission =
  (permission: Permission): MiddlewareHandler<WebEnv> =>
  async (c, next) => {
    requireCan(c, permission);
    await next();
  };

function requireCan(c: Context<WebEnv>, permission: Permission): Principal {
  const actor = actorOf(c);
  if (!inScope(actor, permission)) throw outOfScope();
  if (!can(actor.role, permission))
    throw new ProblemError(403, `Your role (${actor.role}) may not do this. Ask an owner or admin.`);
  return actor;
}

const zProblem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    requestId: z.string(),
    field: z.string().optional(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

export const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: zProblem } },
});

/** Answers that any route can give. */
export const failures = {
  400: problem('The request is malformed'),
  401: problem('Nobody is signed in, or the API key is unknown or revoked'),
  403: problem('Not allowed'),
  404: problem('There is no such thing, or it may not be seen'),
  409: problem('It conflicts with what is there'),
  410: problem('It is over'),
  413: problem('The body is too large'),
  415: problem('The body is not JSON'),
  422: problem('A field is not valid'),
  429: problem('Too many tries'),
  500: problem('Our fault'),
};

export const json = <T extends z.ZodType>(schema: T, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});
export const body = <T extends z.ZodType>(schema: T) => ({
  body: { required: true, content: { 'application/json': { schema } } },
});

/** As core's zText, described in the document. */
export const zField = (max: number) => zText(max).openapi({ type: 'string', pattern: '\\S', maxLength: max });
export const zTime = z.iso.datetime().openapi({ format: 'date-time' });
// As core's zId, made here: a schema made before the library was loaded cannot be described by it.
export const zUuid = z.guid().toLowerCase().openapi({ format: 'uuid' });
export const zIdPath = z.object({
  id: z
    .string()
    .refine(isId)
    .transform((id) => id.toLowerCase())
    .openapi({ format: 'uuid', param: { name: 'id', in: 'path' } }),
});
export const zPage = z.object({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(100)
    .default(25)
    .openapi({ type: 'integer', minimum: 1, maximum: 100, default: 25 }),
  cursor: z.string().regex(TIME_CURSOR, BAD_CURSOR).optional(),
});
/** Of lists by sequence number. */
export const zSequencePage = zPage.extend({ cursor: z.string().regex(SEQUENCE_CURSOR, BAD_CURSOR).optional() });
export const zList = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

export const iso = (at: Date): string => at.toISOString();
export const isoOrNull = (at: Date | null): string | null => at?.toISOString() ?? null;
