import type { ThreadRef } from '#core/chat.ts';
import { forbidden, notFound } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { zText } from '#core/text.ts';
import type { Principal } from '#db/api-keys.ts';
import type { Database } from '#db/client.ts';
import { findThread } from '#db/lists.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { body, createApi, createRoute, failures, json, secured, z, zUuid, type Api } from './define.ts';

const zAsk = z.object({
  text: zText(RUN_LIMITS.textLength).openapi({ type: 'string', minLength: 1, maxLength: RUN_LIMITS.textLength }),
  threadId: zUuid.optional(),
});
const zAsked = z.object({
  /** Null when the text was a command, such as "stop". */
  runId: zUuid.nullable(),
  threadId: zUuid,
  text: z.string().optional(),
});

/** Asking something, as in the web chat. */
export function requestRoutes({ db, client }: Pick<WebDeps, 'db' | 'client'>): Api {
  const api = createApi();
  const ask = createRoute({
    method: 'post',
    path: '/api/v1/requests',
    ...secured('request.create'),
    summary: 'Ask for something, in a new thread or in one of yours',
    request: body(zAsk),
    responses: { 202: json(zAsked, 'Stored; the run is on its way'), ...failures },
  });
  api.openapi(ask, async (c) => {
    const { text, threadId } = c.req.valid('json');
    const actor = actorOf(c);
    const id = c.get('idempotencyId');
    const received = await client.receive({
      // One key, one request: what is asked again under the same idempotency key is the same event (RULES I2).
      sourceKey: `api:${id ?? newId()}`,
      where: await placeOf(db, actor, threadId, id ?? newId()),
      sender: { id: actor.memberId, name: actor.name, isBot: false, isGuest: false },
      text,
      isDirect: true,
    });
    if (received.kind === 'refused') throw forbidden(received.text);
    if (received.kind === 'command')
      return c.json({ runId: null, threadId: received.threadId, text: received.text }, 202);
    return c.json({ runId: received.runId, threadId: received.threadId }, 202);
  });
  return api;
}

/** A thread is written to by the one who began it, also when an admin may read it. */
async function placeOf(
  db: Database,
  actor: Principal,
  threadId: string | undefined,
  newThread: string,
): Promise<ThreadRef> {
  const web = { platform: 'web', tenant: actor.orgId, channel: 'web' } as const;
  if (threadId === undefined) return { ...web, thread: newThread };
  const thread = await db.withOrg(actor.orgId, (org) => findThread(org, actor, threadId));
  if (!thread || thread.createdBy !== actor.memberId || thread.platform !== 'web') throw notFound('thread');
  const { channel, thread: name } = thread;
  return { ...web, channel, thread: name };
}
