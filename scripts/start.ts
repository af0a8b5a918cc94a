import { readConfig } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { createLog } from './start/log.ts';
import { startProduct, type Role } from './start/product.ts';
import { describeProduct } from './start/table.ts';

// The composition root: `npm start` runs all roles in one process; `npm run start:web|start:bots|start:worker` one each.
const ALL: readonly Role[] = ['web', 'bots', 'worker'];
const STOP_WITHIN_MS = 30_000;

const fail = (error: unknown): never => {
  const lines = error instanceof UserError ? error.message : `Abetworks could not go on: ${errorText(error)}\n${error instanceof Error ? error.stack : ''}`;
  process.stderr.write(`${lines}\n`);
  process.exit(1);
};

function rolesOf(name: string | undefined): readonly Role[] {
  if (name === undefined) return ALL;
  const role = ALL.find((one) => one === name);
  if (!role) throw new UserError(`There is no role "${name}". There are: ${ALL.join(', ')}; none named runs all.`);
  return [role];
}

async function main(): Promise<void> {
  const roles = rolesOf(process.argv[2]);
  const config = readConfig(process.env);
  const log = createLog(config.ABETWORKS_LOG_LEVEL);
  const product = await startProduct(config, roles, log, (line) => process.stdout.write(`${line}…\n`));
  process.stdout.write(describeProduct(config, product));
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(130);
    isStopping = true;
    process.stdout.write('\nStopping; press Ctrl-C again to stop at once.\n');
    setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref();
    product.stop().then(() => process.exit(0), fail);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // A dead worker ends the process: its supervisor starts it anew, and nothing is lost.
  await product.ended;
  if (!isStopping) fail(new Error('the worker ended'));
}

main().catch(fail);
