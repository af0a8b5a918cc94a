import { forbidden } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { ask } from '#web/ask.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';
import { body, createApi, createRoute, failures, json, secured, z, zUuid, type Api, zField } from './define.ts';

const zAsk = z.object({
  text: zField(RUN_LIMITS.textLength),
  threadId: zUuid.optional(),
  /** The run this repeats, one of those you see. */
  againOf: zUuid.optional(),
});
const zAsked = z.object({
  /** Null when the text was a command, such as "stop". */
  runId: zUuid.nullable(),
  threadId: zUuid,
  text: z.string().optional(),
});

/** Asking something, as in the web chat. */
export function requestRoutes(deps: Pick<WebDeps, 'db' | 'client'>): Api {
  const api = createApi();
  const create = createRoute({
    method: 'post',
    path: '/api/v1/requests',
    ...secured('request.create'),
    summary: 'Ask for something, in a new thread or in one of yours',
    request: body(zAsk),
    responses: { 202: json(zAsked, 'Stored; the run is on its way'), ...failures },
  });
  api.openapi(create, async (c) => {
    const actor = actorOf(c);
    const id = c.get('idempotencyId');
    // One key, one request: what is asked again under the same idempotency key is the same event (RULES I2).
    const once = { sourceKey: `api:${id ?? newId()}`, newThread: id ?? newId() };
    const received = await ask(deps, actor, { ...c.req.valid('json'), ...once });
    if (received.kind === 'refused')
      throw received.isBusy ? new ProblemError(429, received.text) : forbidden(received.text);
    if (received.kind === 'command')
      return c.json({ runId: null, threadId: received.threadId, text: received.text }, 202);
    return c.json({ runId: received.runId, threadId: received.threadId }, 202);
  });
  return api;
}
