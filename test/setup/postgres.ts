import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import type { TestProject } from 'vitest/node';
import { ensurePostgres } from '#db/embedded/index.ts';
import { migrate } from '#db/migrate.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    postgres: { url: string; adminUrl: string; template: string };
  }
}

// Nothing in a test needs to survive a power cut.
const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '300' };

/** One server for the whole run, with a migrated template that each test file clones. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'abetworks-test-'));
  const server = await ensurePostgres({ dir: path.join(folder, 'pg'), settings });
  const template = 'tpl';
  const admin = postgres(server.adminUrl, { max: 1, onnotice: () => {} });
  await admin`create database ${admin(template)} owner abetworks`;
  const url = Object.assign(new URL(server.url), { pathname: `/${template}` }).href;
  await migrate(url);
  await admin.end();
  project.provide('postgres', { url: server.url, adminUrl: server.adminUrl, template });
  return async () => {
    await server.stop({ force: true });
    await rm(folder, { recursive: true, force: true });
  };
}
