import { createApi, createRoute, json, z, type Api } from './define.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';

const PROBE_MS = 3_000;
const zLive = z.object({ status: z.literal('ok') });
const zReady = z.object({ status: z.literal('ok'), parts: z.record(z.string(), z.boolean()) });

/** For load balancers: no sign-in, and nothing in it but which part works. */
export function healthRoutes({ db, client, health }: Pick<WebDeps, 'db' | 'client' | 'health'>): Api {
  const api = createApi();
  const live = createRoute({
    method: 'get',
    path: '/health/live',
    summary: 'Whether the process answers',
    responses: { 200: json(zLive, 'It does') },
  });
  api.openapi(live, (c) => c.json({ status: 'ok' } as const, 200));

  const ready = createRoute({
    method: 'get',
    path: '/health/ready',
    summary: 'Whether every part works',
    responses: { 200: json(zReady, 'All do'), 503: { description: 'Names the parts that do not' } },
  });
  api.openapi(ready, async (c) => {
    const [database, temporal, others] = await Promise.all([
      within(db.isAlive()),
      within(client.isAlive()),
      withinParts(health?.()),
    ]);
    const parts = { database, temporal, ...others };
    const failing = Object.entries(parts).flatMap(([name, isWorking]) => (isWorking ? [] : [name]));
    if (failing.length > 0)
      throw new ProblemError(503, `Not working: ${failing.join(', ')}.`, { extensions: { failing, parts } });
    return c.json({ status: 'ok', parts } as const, 200);
  });
  return api;
}

const timeout = <T>(value: T): Promise<T> =>
  new Promise((resolve) => {
    setTimeout(resolve, PROBE_MS, value).unref();
  });

/** A part that throws or does not answer is one that does not work. */
const within = (probe: Promise<boolean>): Promise<boolean> => Promise.race([probe.catch(() => false), timeout(false)]);
const withinParts = (probe: Promise<Record<string, boolean>> = Promise.resolve({})): Promise<Record<string, boolean>> =>
  Promise.race([probe.catch(() => ({ health: false })), timeout({ health: false })]);
