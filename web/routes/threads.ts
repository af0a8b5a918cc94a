import { forbidden, notFound } from '#core/errors.ts';
import { findThread, listMessages, listThreads } from '#db/lists.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import {
  createApi,
  createRoute,
  failures,
  iso,
  json,
  secured,
  z,
  zIdPath,
  zList,
  zPage,
  zSequencePage,
  zTime,
  zUuid,
  type Api,
} from './define.ts';

const zThread = z
  .object({
    id: zUuid,
    platform: z.enum(['slack', 'discord', 'web']),
    title: z.string(),
    createdBy: zUuid,
    createdAt: zTime,
    updatedAt: zTime,
  })
  .openapi('Thread');
const zMessage = z
  .object({
    id: zUuid,
    seq: z.int(),
    role: z.enum(['user', 'assistant']),
    text: z.string(),
    suggestions: z.array(z.string()),
    memberId: zUuid.nullable(),
    memberName: z.string().nullable(),
    runId: zUuid.nullable(),
    createdAt: zTime,
  })
  .openapi('Message');

export function threadRoutes({ db }: Pick<WebDeps, 'db'>): Api {
  const api = createApi();
  const list = createRoute({
    method: 'get',
    path: '/api/v1/threads',
    ...secured('run.read'),
    summary: 'Your threads; for owners and admins everybody’s',
    request: { query: zPage },
    responses: { 200: json(zList(zThread), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const page = await db.withOrg(actor.orgId, (org) => listThreads(org, actor, c.req.valid('query')));
    const items = page.items.map(({ id, platform, title, createdBy, createdAt, updatedAt }) => ({
      id,
      platform,
      title,
      createdBy,
      createdAt: iso(createdAt),
      updatedAt: iso(updatedAt),
    }));
    return c.json({ items, nextCursor: page.nextCursor }, 200);
  });

  const messages = createRoute({
    method: 'get',
    path: '/api/v1/threads/{id}/messages',
    ...secured('run.read'),
    summary: 'The newest messages of a thread',
    request: { params: zIdPath, query: zSequencePage },
    responses: { 200: json(zList(zMessage), 'Oldest first; the cursor leads to older ones'), ...failures },
  });
  api.openapi(messages, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    const page = await db.withOrg(actor.orgId, async (org) => {
      const thread = await findThread(org, actor, id);
      if (!thread) throw notFound('thread');
      if (thread.isHidden)
        throw forbidden('This is somebody else’s direct message. You may see that it exists, not read it.');
      return listMessages(org, id, c.req.valid('query'));
    });
    const items = page.items.map(({ message, memberName }) => ({
      id: message.id,
      seq: message.seq,
      role: message.role,
      text: message.text,
      suggestions: message.suggestions,
      memberId: message.memberId,
      memberName,
      runId: message.runId,
      createdAt: iso(message.createdAt),
    }));
    return c.json({ items, nextCursor: page.nextCursor }, 200);
  });
  return api;
}
