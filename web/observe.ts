import { AsyncLocalStorage } from 'node:async_hooks';
import type { Context, MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Logger } from 'pino';
import type { WebEnv } from './env.ts';
import type { Metrics } from './metrics.ts';

const current = new AsyncLocalStorage<Context<WebEnv>>();
/** Asked every few seconds by machines, or fetched by the dozen: worth a line only when somebody looks closely. */
const QUIET = /^\/(health\/|metrics$|static\/)/;

/** What each log line of a request says about it; empty outside one. */
export function requestFields(): { requestId?: string } {
  const requestId = current.getStore()?.get('requestId');
  return requestId === undefined ? {} : { requestId };
}

/** One line and one count for each answer: the route's pattern, never the path or the query, which can hold one-time tokens and what people typed. */
export function createObserver({ log, metrics }: { log: Logger; metrics: Metrics }): MiddlewareHandler<WebEnv> {
  return (c, next) =>
    current.run(c, async () => {
      const startedMs = performance.now();
      await next();
      const tookMs = performance.now() - startedMs;
      const { method } = c.req;
      const { status } = c.res;
      const route = patternOf(c);
      metrics.answered({ route, method, status, seconds: tookMs / 1000 });
      const memberId = c.get('actor')?.memberId;
      log[QUIET.test(route) && status < 500 ? 'debug' : 'info'](
        { requestId: c.get('requestId'), method, route, status, ms: Math.round(tookMs), ...(memberId && { memberId }) },
        'answered',
      );
    });
}

/** The pattern of the last route that ran; a middleware's means that nothing is there. */
function patternOf(c: Context<WebEnv>): string {
  const pattern = routePath(c);
  return pattern === '' || pattern === '*' || pattern === '/*' || pattern === '/api/*' ? 'none' : pattern;
}
