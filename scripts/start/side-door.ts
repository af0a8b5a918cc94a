import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import type { AddressInfo } from 'node:net';
import { UserError } from '#core/errors.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { createEnvelope } from '#web/headers.ts';
import type { Metrics } from '#web/metrics.ts';
import { createErrorHandler, ProblemError } from '#web/problem.ts';
import { healthRoutes } from '#web/routes/health.ts';
import { metricsRoutes } from '#web/routes/metrics.ts';

/** ABETWORKS_METRICS_LISTEN: health and metrics of a role, beside the web port or without one. Throws `UserError` when it cannot listen there. */
export async function openSideDoor(
  listen: string,
  deps: Pick<WebDeps, 'db' | 'client' | 'config' | 'log' | 'health'> & { metrics: Metrics },
): Promise<{ url: string; stop(): Promise<void> }> {
  const app = new Hono<WebEnv>();
  app.onError(createErrorHandler(deps.log));
  app.notFound(() => {
    throw new ProblemError(404, 'There is nothing at this address.');
  });
  app.use(createEnvelope(deps));
  app.route('/', healthRoutes(deps));
  app.route('/', metricsRoutes(deps.metrics, deps.config));
  const server = createAdaptorServer({ fetch: app.fetch });
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replaceAll(/[[\]]/g, '') || '127.0.0.1';
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(
        new UserError(
          `ABETWORKS_METRICS_LISTEN=${listen} cannot be listened on (${'code' in error ? String(error.code) : error.message}). Choose a free port on an address of this machine.`,
          { cause: error },
        ),
      ),
    );
    server.listen(Number(listen.slice(colon + 1)), host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    stop: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
      if ('closeAllConnections' in server) server.closeAllConnections();
      await closed;
    },
  };
}
