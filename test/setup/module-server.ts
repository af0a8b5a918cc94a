import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';

export type Language = 'python' | 'typescript';

const EXAMPLES = path.resolve(import.meta.dirname, '../../docs/examples');
const COMMANDS: Record<Language, [command: string, script: string]> = {
  python: ['python3', path.join(EXAMPLES, 'module-python/server.py')],
  typescript: [process.execPath, path.join(EXAMPLES, 'module-typescript/server.ts')],
};

/** Said by tests that are skipped for the lack of it. */
export const NO_PYTHON = 'python3 is not on this machine';
export const hasPython = (): boolean => spawnSync('python3', ['--version']).status === 0;

/** One of the example servers, as a process of its own. */
export async function startModuleServer(language: Language, { port = 0, key = '' } = {}) {
  const [command, script] = COMMANDS[language];
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, [script], {
    env: { PATH, HOME, PORT: String(port), MODULE_API_KEY: key, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), ended]);
  const url = String(first[0]);
  if (!url.startsWith('http')) throw new Error(`${language}: the module server ended at once (${url})`);
  return {
    url,
    port: Number(new URL(url).port),
    /** For ABETWORKS_EGRESS_ALLOW. */
    hostPort: new URL(url).host,
    pid: child.pid ?? 0,
    kill: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
export type ModuleServer = Awaited<ReturnType<typeof startModuleServer>>;
