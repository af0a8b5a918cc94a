import { randomUUID } from 'node:crypto';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { explainOutput } from './problems.ts';
import { run } from './run.ts';

/**
 * Makes the cluster, in a folder beside it that takes the final name when complete: a crash in between leaves no half
 * cluster. Throws UserError with what initdb said.
 */
export async function initialise(
  cluster: string,
  { initdb }: Binaries,
  account: Account | undefined,
  adminPassword: string,
): Promise<void> {
  const staging = `${cluster}.new-${randomUUID()}`;
  const passwordFile = `${staging}.password`;
  try {
    await mkdir(staging, { mode: 0o700 });
    await writeFile(passwordFile, adminPassword, { mode: 0o600 });
    if (account !== undefined) {
      await chown(staging, account.uid, account.gid);
      await chown(passwordFile, account.uid, account.gid);
    }
    const access = ['-U', 'postgres', '-A', 'scram-sha-256', '--pwfile', passwordFile];
    // No locale: the order of text is the same on every system, and no system update can break an index.
    const form = ['--no-locale', '-E', 'UTF8', '--no-sync'];
    const made = await run(initdb, ['-D', staging, ...access, ...form], account);
    if (!made.ok) throw explainOutput(made.output, cluster);
    await rename(staging, cluster);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(staging, { recursive: true, force: true });
  }
}
