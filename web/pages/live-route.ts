import { Hono } from 'hono';
import type { Context } from 'hono';
import { streamSSE, type SSEStreamingApi } from 'hono/streaming';
import { notFound } from '#core/errors.ts';
import { isId } from '#core/ids.ts';
import { findRun } from '#db/run-list.ts';
import { readOwnThread } from '#db/views/index.ts';
import { actorOf, type Auth } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Live } from '#web/live.ts';
import { ProblemError } from '#web/problem.ts';
import { allowed } from './parts.ts';

/** Changes that come together are told once. */
const GATHER_MS = 120;
/** Without any change, membership is looked at again this often. */
const RECHECK_MS = 25_000;

/**
 * `GET /live?thread=…|run=…`: says "changed" at once and whenever something did; the page then fetches its part anew. Before every
 * word the membership is checked again: whoever lost it is told "gone", and the stream ends (RULES S3).
 */
export function liveRoute({ deps, auth, live }: { deps: WebDeps; auth: Auth; live: Live }): Hono<WebEnv> {
  const pages = new Hono<WebEnv>();
  pages.get('/live', async (c) => {
    const filter = await filterOf(c, deps);
    const leave = live.enter(actorOf(c).memberId);
    if (!leave)
      throw new ProblemError(429, 'You have too many pages open. Close some and reload.', {
        headers: { 'retry-after': '30' },
      });
    c.header('x-accel-buffering', 'no');
    return streamSSE(c, async (stream) => {
      const changes = createBell();
      const ends = [live.subscribe(filter, changes.ring), live.onStop(() => stream.abort()), leave];
      stream.onAbort(changes.ring);
      changes.ring();
      try {
        await tell(stream, changes, () => isStillMember(c, auth));
      } finally {
        for (const end of ends) end();
      }
    });
  });
  return pages;
}

async function filterOf(c: Context<WebEnv>, { db }: WebDeps): Promise<{ orgId: string; threadId?: string }> {
  const actor = allowed(c, 'run.read');
  const [thread, run] = [c.req.query('thread'), c.req.query('run')];
  const { orgId } = actor;
  if (thread === undefined && run === undefined) return { orgId };
  if (!isId(thread ?? run ?? '')) throw notFound('thread');
  const threadId = await db.withOrg(orgId, async (org) =>
    thread === undefined
      ? (await findRun(org, actor, run ?? ''))?.run.threadId
      : (await readOwnThread(org, actor, thread))?.id,
  );
  if (threadId === undefined) throw notFound('thread');
  return { orgId, threadId };
}

async function tell(stream: SSEStreamingApi, changes: Bell, isMember: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const isRung = await changes.wait(RECHECK_MS);
    if (stream.aborted || stream.closed) return;
    if (!(await isMember())) {
      await stream.writeSSE({ event: 'gone', data: 'signed out' });
      return;
    }
    if (isRung) await stream.writeSSE({ event: 'changed', data: 'look again' });
    else await stream.write(': still here\n\n');
    await stream.sleep(GATHER_MS);
  }
}

/** The session and the member's row are read again, exactly as for a new request. */
async function isStillMember(c: Context<WebEnv>, auth: Auth): Promise<boolean> {
  try {
    await auth.middleware(c, async () => {});
    return c.get('actor') !== null;
  } catch {
    return false;
  }
}

interface Bell {
  ring(): void;
  /** True when it rang, false after `withinMs`. A ring nobody waited for is kept. */
  wait(withinMs: number): Promise<boolean>;
}
function createBell(): Bell {
  let hasRung = false;
  let wake: () => void = () => {};
  return {
    ring: () => {
      hasRung = true;
      wake();
    },
    wait: async (withinMs) => {
      if (!hasRung)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, withinMs);
          timer.unref();
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      const isRung = hasRung;
      hasRung = false;
      return isRung;
    },
  };
}
