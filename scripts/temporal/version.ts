import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The CLI release that is fetched when the machine has none (it holds Server 1.32.0). */
export const cliVersion = '1.9.1';

/** The oldest server this project was run with; it came with CLI 1.5.1. */
const oldestServer = { major: 1, minor: 29 } as const;

/** Null when the binary runs and is new enough; otherwise why it cannot be used, as the end of a sentence. */
export async function whyUnusable(binary: string): Promise<string | null> {
  let output: string;
  try {
    output = (await execute(binary, ['--version'], { timeout: 20_000 })).stdout;
  } catch (error) {
    return `does not run (${reason(error)})`;
  }
  // The CLI's own number is 0.0.0-DEV when it was built from source, so the server's number decides.
  const server = /\(Server (\d+)\.(\d+)/.exec(output);
  if (!server) return `does not look like the Temporal CLI (it says "${output.trim().slice(0, 80)}")`;
  const major = Number(server[1]);
  const minor = Number(server[2]);
  if (major > oldestServer.major || (major === oldestServer.major && minor >= oldestServer.minor)) return null;
  return `is too old: it holds Temporal Server ${major}.${minor}, and ${oldestServer.major}.${oldestServer.minor} (CLI 1.5.1) or newer is needed`;
}

/** The last line of what a failed command or call said: the line that names the cause. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return said.trim().split('\n').at(-1) || error.message.split('\n')[0] + cause;
}
