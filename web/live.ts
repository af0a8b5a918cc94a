import type { Logger } from 'pino';
import { sql } from 'drizzle-orm';
import { errorText } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import type { Database } from '#db/client.ts';
import { type Change, listen } from '#db/notify.ts';

const POLL_MS = 2_000;
/** Event streams of one member in this process: one for each page they have open. */
const STREAMS = 30;
/** Without hearing our own ping for this long, LISTEN counts as lost. */
const LOST_MS = 5_000;

export interface Live {
  /** Calls `onChange` whenever what the filter names may have changed. Returns the way to end it. */
  subscribe(filter: { orgId: string; threadId?: string }, onChange: () => void): () => void;
  /** Counts a stream of the member. Answers the way to count it out again, or null when they have too many open. */
  enter(memberId: string): (() => void) | null;
  /** Ends every subscription: their `onStop` is called, so that streams close. */
  stop(): Promise<void>;
  /** Told when the server stops. */
  onStop(fn: () => void): () => void;
}

interface Subscriber {
  orgId: string;
  threadId?: string;
  onChange: () => void;
}

/**
 * Fans database notifications out to event streams (RULES S3): one LISTEN connection per process, held only while somebody watches.
 * Every 2 s it pings itself through the database; while the ping does not come back, every subscriber is told to look again each 2 s.
 */
export function createLive({ db, log }: { db: Pick<Database, 'global' | 'url'>; log: Logger }): Live {
  const subscribers = new Set<Subscriber>();
  const stoppers = new Set<() => void>();
  const streams = new Map<string, number>();
  const ping = newId();
  let lastHeardMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let close: (() => Promise<void>) | undefined;
  let opening = false;

  const tellAll = (): void => {
    for (const { onChange } of subscribers) onChange();
  };
  const hear = (change: Change): void => {
    lastHeardMs = Date.now();
    if (change.orgId === ping) return;
    for (const { orgId, threadId, onChange } of subscribers)
      if (orgId === change.orgId && (threadId === undefined || threadId === change.threadId)) onChange();
  };

  async function open(): Promise<void> {
    if (opening || close !== undefined) return;
    opening = true;
    try {
      close = await listen(db.url, hear, tellAll);
      lastHeardMs = Date.now();
    } catch (error) {
      log.warn({ error: errorText(error) }, 'live updates fall back to polling');
    } finally {
      opening = false;
    }
    if (subscribers.size === 0) await shut();
  }

  async function shut(): Promise<void> {
    const closing = close;
    close = undefined;
    await closing?.().catch(() => {});
  }

  async function beat(): Promise<void> {
    const isLost = Date.now() - lastHeardMs > LOST_MS;
    if (isLost) tellAll();
    await open();
    await db.global.execute(sql`select pg_notify('abw', ${JSON.stringify({ orgId: ping })})`);
  }

  function start(): void {
    if (timer) return;
    void open();
    timer = setInterval(() => {
      beat().catch((error: unknown) => log.debug({ error: errorText(error) }, 'live ping failed'));
    }, POLL_MS);
    timer.unref();
  }

  async function end(): Promise<void> {
    clearInterval(timer);
    timer = undefined;
    await shut();
  }

  return {
    subscribe: (filter, onChange) => {
      const subscriber = { ...filter, onChange };
      subscribers.add(subscriber);
      start();
      return () => {
        subscribers.delete(subscriber);
        if (subscribers.size === 0) void end();
      };
    },
    enter: (memberId) => {
      const count = streams.get(memberId) ?? 0;
      if (count >= STREAMS) return null;
      streams.set(memberId, count + 1);
      return () => {
        const left = (streams.get(memberId) ?? 1) - 1;
        if (left > 0) streams.set(memberId, left);
        else streams.delete(memberId);
      };
    },
    onStop: (fn) => {
      stoppers.add(fn);
      return () => stoppers.delete(fn);
    },
    stop: async () => {
      for (const fn of stoppers) fn();
      subscribers.clear();
      await end();
    },
  };
}
