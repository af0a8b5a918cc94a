import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { notFound, UserError } from '#core/errors.ts';
import { isId } from '#core/ids.ts';
import { readOrg } from '#db/orgs.ts';
import type { Thread } from '#db/threads.ts';
import { listOwnThreads, readOwnThread, readTimeline } from '#db/views/index.ts';
import type { Principal } from '#db/api-keys.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Received } from '#workflows/client.ts';
import type { Viewed } from './card.ts';
import { composer, newThread, threadBody, threadList, timelineHtml } from './chat-view.ts';
import type { Frame } from './frame.ts';
import { allowed, type Form, idParam, isPartial, readForm } from './parts.ts';

/** The web chat: one's own threads and nobody else's (RULES D3). */
export function chatPages({ deps, frame, viewed }: { deps: WebDeps; frame: Frame; viewed: Viewed }): Hono<WebEnv> {
  const { db, client } = deps;
  const pages = new Hono<WebEnv>();

  const start = async (c: Context<WebEnv>, again: { text?: string; problem?: string } = {}, status = 200) => {
    const actor = allowed(c, 'run.read');
    const threads = await db.withOrg(actor.orgId, (org) => listOwnThreads(org, actor));
    return frame.page(c, {
      title: 'Chat',
      section: 'chat',
      aside: threadList(threads),
      body: newThread(actor, again),
      status,
    });
  };

  async function read(c: Context<WebEnv>) {
    const actor = allowed(c, 'run.read');
    const id = idParam(c, 'thread');
    return db.withOrg(actor.orgId, async (org) => {
      const thread = await readOwnThread(org, actor, id);
      if (!thread) throw notFound('thread');
      const { policy } = await readOrg(org);
      return {
        actor,
        thread,
        timeline: await readTimeline(org, actor, id),
        threads: await listOwnThreads(org, actor),
        linkHosts: policy.linkHosts,
      };
    });
  }

  const show = async (c: Context<WebEnv>, again: { text?: string; problem?: string } = {}, status = 200) => {
    const { actor, thread, timeline, threads, linkHosts } = await read(c);
    return frame.page(c, {
      title: thread.title,
      section: 'chat',
      aside: html`<div class="nav new"><a href="/">New thread</a></div>
        ${threadList(threads, thread.id)}`,
      body: threadBody(thread, timeline, { actor, viewed, linkHosts }, again),
      status,
    });
  };

  const send = (actor: Principal, form: Form, thread: Pick<Thread, 'channel' | 'thread'> | null): Promise<Received> => {
    const key = form.text('key').toLowerCase();
    if (!isId(key)) throw new UserError('The form is incomplete. Reload the page and send it again.', { status: 422 });
    return client.receive({
      sourceKey: `form:${key}`,
      // A new thread is named after the form that opens it: sent twice, it is one thread.
      where: { platform: 'web', tenant: actor.orgId, channel: thread?.channel ?? 'web', thread: thread?.thread ?? key },
      sender: { id: actor.memberId, name: actor.name, isBot: false, isGuest: false },
      text: form.text('text'),
      isDirect: true,
    });
  };

  pages.get('/', (c) => start(c));
  pages.get('/threads/:id', (c) => show(c));
  pages.get('/threads/:id/timeline', async (c) => {
    const { actor, thread, timeline, linkHosts } = await read(c);
    return c.html(timelineHtml(thread.id, timeline, { actor, viewed, linkHosts }));
  });

  pages.post('/threads', async (c) => {
    const actor = allowed(c, 'request.create');
    const form = await readForm(c);
    const received = await send(actor, form, null);
    if (received.kind === 'refused') return start(c, { text: form.text('text'), problem: received.text }, 422);
    return c.redirect(`/threads/${received.threadId}`, 303);
  });

  pages.post('/threads/:id/messages', async (c) => {
    const actor = allowed(c, 'request.create');
    const id = idParam(c, 'thread');
    const form = await readForm(c);
    const thread = await db.withOrg(actor.orgId, (org) => readOwnThread(org, actor, id));
    if (!thread) throw notFound('thread');
    const received = await send(actor, form, thread);
    const again = received.kind === 'refused' ? { text: form.text('text'), problem: received.text } : {};
    if (isPartial(c)) return c.html(composer(actor, id, again));
    if (received.kind === 'refused') return show(c, again, 422);
    return c.redirect(`/threads/${id}`, 303);
  });
  return pages;
}
