import { spawn } from 'node:child_process';
import { chmod, chown, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { firstClosed } from './account.ts';
import { connect } from './connect.ts';
import { ensurePostgres } from './index.ts';
import { requirePasswords } from './passwords.ts';
import { serves } from './postmaster.ts';
import { lookUpProcess } from './process.ts';

const here = dirname(fileURLToPath(import.meta.url));
const asRoot = process.getuid?.() === 0;
const nobody = { name: 'nobody', uid: 65534, gid: 65534 };
// Only root can become somebody else, and somebody else must get to this checkout.
const canBeNobody = asRoot && (await firstClosed(here, nobody)) === undefined;
const settings = { fsync: 'off' };

const made: string[] = [];
async function newFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'abw-pg-')));
  made.push(folder);
  return folder;
}

let dir: string;
beforeAll(async () => {
  dir = join(await newFolder(), 'pg');
});

// Straight by pid, so that a broken launcher leaves no server behind.
afterAll(async () => {
  for (const folder of made) {
    const cluster = join(folder, 'pg');
    const pid = Number((await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
    if (pid > 0 && serves(pid, cluster)) {
      process.kill(pid, 'SIGQUIT');
      while (serves(pid, cluster)) await pause(20);
    }
    await rm(folder, { recursive: true, force: true });
  }
});

async function ask<T extends object>(url: string, query: string): Promise<T[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return Array.from(await sql.unsafe<T[]>(query));
  } finally {
    await sql.end();
  }
}

/** Calls ensurePostgres in a process of its own; prints `started pid` or the error. */
function inProcess(folder: string, account?: { uid: number; gid: number }): Promise<string> {
  const script = `const { ensurePostgres } = await import(process.argv[1]);
    try {
      const pg = await ensurePostgres({ dir: process.argv[2], settings: { fsync: 'off' } });
      console.log(pg.started ? 'started' : 'adopted', pg.pid);
    } catch (error) { console.log(error.name + ': ' + error.message); }`;
  const args = ['--input-type=module', '-e', script, join(here, 'index.ts'), folder];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: '/', stdio: ['ignore', 'pipe', 'inherit'], ...account });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.once('error', reject);
    child.once('close', () => resolve(said.trim()));
  });
}

test('S2 four processes that start at once share one server', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(() => inProcess(dir)));

  expect(answers.filter((answer) => answer.startsWith('started'))).toHaveLength(1);
  expect(answers.filter((answer) => answer.startsWith('adopted'))).toHaveLength(3);
  expect(new Set(answers.map((answer) => answer.split(' ')[1])).size).toBe(1);
});

test('S2 a second call adopts the running server, whose process it does not stop', async () => {
  const first = await ensurePostgres({ dir, settings });
  const second = await ensurePostgres({ dir, settings });
  await second.stop();

  expect(second).toMatchObject({ started: false, pid: first.pid, url: first.url });
  expect(await ask(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('D1 the owner is no superuser, cannot bypass row security and owns its database', async () => {
  const { url } = await ensurePostgres({ dir, settings });
  const [role] = await ask(
    url,
    `select current_user as name, rolsuper, rolbypassrls, rolcreaterole, pg_get_userbyid(datdba) as owner
     from pg_roles, pg_database where rolname = current_user and datname = current_database()`,
  );
  expect(role).toEqual({
    name: 'abetworks',
    rolsuper: false,
    rolbypassrls: false,
    rolcreaterole: true,
    owner: 'abetworks',
  });

  await ask(url, 'create table kept (org int); insert into kept values (1), (2)');
  await ask(url, 'alter table kept enable row level security; alter table kept force row level security');
  expect(await ask(url, 'select * from kept')).toEqual([]);
  await ask(url, 'alter table kept no force row level security');
});

test('D1 an owner that was given too much loses it again', async () => {
  const { adminUrl, url } = await ensurePostgres({ dir, settings });
  await ask(adminUrl, 'alter role abetworks superuser bypassrls');
  await ensurePostgres({ dir, settings });

  const [role] = await ask(url, 'select rolsuper, rolbypassrls from pg_roles where rolname = current_user');
  expect(role).toEqual({ rolsuper: false, rolbypassrls: false });
});

test('D1 an owner that is gone is made again, once, however many ask', async () => {
  const other = join(await newFolder(), 'pg');
  const { adminUrl, url } = await ensurePostgres({ dir: other, settings });
  await ask(adminUrl, 'drop database abetworks');
  await ask(adminUrl, 'drop role abetworks');
  await Promise.all([1, 2, 3, 4, 5, 6].map(() => ensurePostgres({ dir: other, settings })));
  expect(await ask(url, 'select current_user as name')).toEqual([{ name: 'abetworks' }]);
});

test('rows survive a server that was killed', async () => {
  const before = await ensurePostgres({ dir, settings });
  process.kill(before.pid, 'SIGKILL');
  const after = await ensurePostgres({ dir, settings });

  expect(after.started).toBe(true);
  expect(after.pid).not.toBe(before.pid);
  expect(await ask(after.url, 'select org from kept order by org')).toEqual([{ org: 1 }, { org: 2 }]);
});

test('stop ends the server we started, and a forced stop ends an adopted one', async () => {
  const adopted = await ensurePostgres({ dir, settings });
  await adopted.stop({ force: true });
  expect(lookUpProcess(adopted.pid)).toBeUndefined();

  const started = await ensurePostgres({ dir, settings });
  await started.stop();
  expect(started.started).toBe(true);
  expect(lookUpProcess(started.pid)).toBeUndefined();
});

test('the server listens on loopback only, has no socket file and takes the asked settings', async () => {
  const { adminUrl } = await ensurePostgres({
    dir,
    settings: { ...settings, max_connections: '33', listen_addresses: '*' },
  });
  const rows = await ask<{ name: string; setting: string }>(
    adminUrl,
    `select name, setting from pg_settings
     where name in ('listen_addresses', 'unix_socket_directories', 'max_connections', 'fsync') order by name`,
  );
  expect(Object.fromEntries(rows.map((row) => [row.name, row.setting]))).toEqual({
    fsync: 'off',
    listen_addresses: '127.0.0.1',
    max_connections: '33',
    unix_socket_directories: '',
  });
});

test('the passwords are random, needed and readable only by their owner', async () => {
  const { url, adminUrl } = await ensurePostgres({ dir, settings });
  expect((await stat(`${dir}.json`)).mode & 0o777).toBe(0o600);
  expect(new URL(url).password).not.toBe(new URL(adminUrl).password);

  const guess = new URL(adminUrl);
  guess.password = 'postgres';
  await expect(ask(guess.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
});

test.runIf(process.platform === 'linux')('the server does not inherit the secrets of our environment', async () => {
  process.env['ABW_TEST_SECRET'] = 'do-not-hand-on';
  const other = join(await newFolder(), 'pg');
  const { pid } = await ensurePostgres({ dir: other, settings });
  delete process.env['ABW_TEST_SECRET'];
  expect(await readFile(`/proc/${pid}/environ`, 'utf8')).not.toContain('do-not-hand-on');
});

test('a pid file that names another living process does not keep the server from starting', async () => {
  const other = await ensurePostgres({ dir: join(await newFolder(), 'pg'), settings });
  const ours = await ensurePostgres({ dir, settings });
  const left = (await readFile(join(dir, 'postmaster.pid'), 'utf8')).replace(String(ours.pid), String(other.pid));
  await ours.stop({ force: true });
  await writeFile(join(dir, 'postmaster.pid'), left);

  const again = await ensurePostgres({ dir, settings });
  expect(again).toMatchObject({ started: true });
  expect(again.pid).not.toBe(other.pid);
});

test('S2 an answer from the server of another folder is no proof', async () => {
  const other = join(await newFolder(), 'pg');
  const { adminUrl } = await ensurePostgres({ dir: other, settings });
  const { pid } = await ensurePostgres({ dir, settings });
  const claim = { pid, port: Number(new URL(adminUrl).port), ready: true };
  expect(await connect(claim, dir, await requirePasswords(`${other}.json`, other))).toBeUndefined();
});

test('lost passwords are said, with the remedy, instead of an empty database', async () => {
  const running = await ensurePostgres({ dir, settings });
  const kept = await readFile(`${dir}.json`);
  await rm(`${dir}.json`);
  await expect(ensurePostgres({ dir, settings })).rejects.toThrow(/pg\.json .* is missing\. Restore it/);

  await writeFile(`${dir}.json`, JSON.stringify({ admin: 'x'.repeat(32), owner: 'y'.repeat(32) }));
  await expect(ensurePostgres({ dir, settings })).rejects.toThrow(/does not take the password/);
  await writeFile(`${dir}.json`, kept);
  expect((await ensurePostgres({ dir, settings })).pid).toBe(running.pid);
});

test('a server that cannot start says why', async () => {
  const folder = join(await newFolder(), 'pg');
  const wrong = ensurePostgres({ dir: folder, settings: { shared_buffers: 'lots' } });
  await expect(wrong).rejects.toThrow(/did not start: .*shared_buffers.*pg\.log/);
});

test.runIf(canBeNobody)('a normal user starts it as themselves, and root then adopts it', async () => {
  const folder = await newFolder();
  await chown(folder, nobody.uid, nobody.gid);
  const said = await inProcess(join(folder, 'pg'), nobody);
  const adopted = await ensurePostgres({ dir: join(folder, 'pg') });

  expect(said).toBe(`started ${adopted.pid}`);
  expect((await stat(`/proc/${adopted.pid}`)).uid).toBe(nobody.uid);
  await adopted.stop({ force: true });
  const again = await ensurePostgres({ dir: join(folder, 'pg'), settings });
  expect((await stat(`/proc/${again.pid}`)).uid).toBe(nobody.uid);
});

test('a folder of somebody else gives one clear line', async () => {
  const folder = await newFolder();
  await chmod(folder, asRoot ? 0o700 : 0o000);
  if (asRoot && !canBeNobody) return;
  const said = await inProcess(join(folder, 'pg'), asRoot ? nobody : undefined);
  await chmod(folder, 0o700);

  expect(said).toMatch(/^UserError: Cannot read or write .* belongs to another user.*ABETWORKS_DATA_DIR/);
  expect(said.split('\n')).toHaveLength(1);
});
