import { readConfig } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { createLog } from './start/log.ts';
import { startProduct, type Role } from './start/product.ts';
import { describeProduct } from './start/table.ts';

// The composition root: `npm start` runs all roles in one process; `npm run start:web|start:bots|start:worker` one each.
const ALL: readonly Role[] = ['web', 'bots', 'worker'];
const STOP_WITHIN_MS = 30_000;
/** One Ctrl-C may arrive twice: from the terminal, and passed on by npm. */
const SAME_PRESS_MS = 300;

const fail = (error: unknown): never => {
  const lines =
    error instanceof UserError
      ? error.message
      : `Abetworks could not go on: ${errorText(error)}\n${error instanceof Error ? error.stack : ''}`;
  process.stderr.write(`${lines}\n`);
  process.exit(1);
};

function rolesOf(name: string | undefined): readonly Role[] {
  if (name === undefined) return ALL;
  const role = ALL.find((one) => one === name);
  if (!role) throw new UserError(`There is no role "${name}". There are: ${ALL.join(', ')}; none named runs all.`);
  return [role];
}

/** Aborts at the first Ctrl-C (or SIGTERM). A second one, or half a minute, ends the process at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  let heardAt = 0;
  const hear = (): void => {
    if (stop.signal.aborted && Date.now() - heardAt < SAME_PRESS_MS) return;
    if (stop.signal.aborted) process.exit(130);
    heardAt = Date.now();
    process.stdout.write('\nStopping; press Ctrl-C again to stop at once.\n');
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    stop.abort();
  };
  process.on('SIGINT', hear);
  process.on('SIGTERM', hear);
  return stop.signal;
}

async function main(): Promise<void> {
  const roles = rolesOf(process.argv[2]);
  const config = readConfig(process.env);
  const log = createLog(config.ABETWORKS_LOG_LEVEL, { format: config.ABETWORKS_LOG_FORMAT });
  // From now on, so that Ctrl-C during the start leaves no server behind either.
  const stopping = stopSignal();
  const stopped = new Promise<'stopped'>((resolve) => {
    stopping.addEventListener('abort', () => resolve('stopped'));
  });
  const product = await startProduct(config, roles, log, (line) => process.stdout.write(`${line}…\n`), stopping);
  if (!stopping.aborted) process.stdout.write(describeProduct(config, product));
  // A library's bug, such as a driver's on a lost connection: what can be drained is drained, and the supervisor starts it anew.
  let isDying = false;
  process.on('uncaughtException', (thrown) => {
    log.fatal({ error: errorText(thrown), alert: true }, 'unexpected error; stopping');
    // A driver says it once for each connection: stopping twice at once would close what the first still drains.
    if (isDying) return;
    isDying = true;
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    void product.stop().finally(() => process.exit(1));
  });
  const died = product.ended.then(() => {
    throw new Error('the worker ended');
  });
  try {
    // A dead worker ends the process: its supervisor starts it anew, and nothing is lost.
    await Promise.race([stopped, died]);
  } finally {
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    await product.stop();
  }
  process.exit(0);
}

main().catch((error: unknown) => {
  // Stopped before it was ready, as asked.
  if (error instanceof Error && error.name === 'AbortError') process.exit(0);
  fail(error);
});
