import { createAdaptorServer } from '@hono/node-server';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UserError } from '#core/errors.ts';
import { createLive } from './live.ts';
import { createApp } from './app.ts';
import type { WebDeps } from './deps.ts';

// A request must arrive within these; an answer may take as long as it needs (event streams).
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const CHECK_MS = 2_000;
/** How long Stop waits for answers under way. */
const GRACE_MS = 5_000;

export interface RunningWeb {
  /** Where it listens, with the actual port. */
  url: string;
  stop(): Promise<void>;
}

/** Listens on HOST and PORT. Throws `UserError` with the remedy when that is not possible. */
export async function startWeb(deps: WebDeps): Promise<RunningWeb> {
  const { HOST, PORT } = deps.config;
  const live = createLive(deps);
  const app = createApp(deps, live);
  const server = createAdaptorServer({
    fetch: app.fetch,
    serverOptions: {
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      keepAliveTimeout: 5_000,
    },
  }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(explain(error, HOST, PORT)));
    server.listen(PORT, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = HOST.includes(':') ? `[${HOST}]` : HOST;
  return {
    url: `http://${host}:${port}`,
    stop: async () => {
      // Open event streams would hold the server until its grace is over.
      await live.stop();
      await stop(server);
    },
  };
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE')
    return new UserError(
      `Port ${port} on ${host} is in use. Stop the program that uses it, or set PORT to another number.`,
      { cause: error },
    );
  if (error.code === 'EACCES')
    return new UserError(`Port ${port} needs more rights than this program has. Set PORT to 1024 or more.`, {
      cause: error,
    });
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'ENOTFOUND')
    return new UserError(`HOST=${host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all.`, {
      cause: error,
    });
  return error;
}

/** Takes nothing new, lets answers under way finish, then closes what is left, such as event streams. */
async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), GRACE_MS);
  await closed;
  clearTimeout(timer);
}
