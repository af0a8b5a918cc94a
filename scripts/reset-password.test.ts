import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditLog } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, cookieOf, createWorld, inOrg, PASSWORD, type World } from '#test/web/world.ts';

let world: World;
let folder: string;
beforeAll(async () => {
  world = await createWorld(idleClient());
  folder = await mkdtemp(path.join(tmpdir(), 'abw-reset-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await world.drop();
});

/** The script as a process of its own, beside the product: how it ended and what it said. */
function run(...args: string[]): Promise<[number | null, string]> {
  const env = { PATH: process.env['PATH'] ?? '', ABETWORKS_DATA_DIR: folder, DATABASE_URL: world.database.url };
  const child = spawn(process.execPath, ['scripts/reset-password.ts', ...args], { env });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve) => {
    child.once('close', (code) => resolve([code, text]));
  });
}
const linkIn = (text: string): string => /http:\S+/.exec(text)?.[0] ?? '';

test('D4 a locked-out owner gets a one-time link from the command line, and it is in the audit without the link', async () => {
  const { orgId } = await addOrg(world);
  const owner = await addPerson(world, orgId, 'owner', PASSWORD);
  const [code, text] = await run(owner.email.toUpperCase());
  expect([code, text]).toEqual([0, expect.stringContaining('ends after one hour')]);
  const token = new URL(linkIn(text)).pathname.replace('/reset/', '');
  await world.auth.resetPassword(token, 'a brand new password');
  await cookieOf(world, owner.email, 'a brand new password');
  const rows = await inOrg(world, orgId, ({ tx }) => tx.select().from(auditLog));
  expect(rows).toContainEqual(expect.objectContaining({ actor: 'system', action: 'member.password_reset_made' }));
  expect(JSON.stringify(rows)).not.toContain(token);
});

test('an owner who never chose a password gets an invitation, a deactivated member nothing', async () => {
  const owner = await addOrg(world);
  const [code, text] = await run(owner.email);
  expect([code, new URL(linkIn(text)).pathname]).toEqual([0, expect.stringMatching(/^\/invite\/inv_/)]);
  const member = await addPerson(world, owner.orgId, 'member', PASSWORD);
  const as = { method: 'PATCH', as: owner, body: { status: 'deactivated' } };
  expect((await world.call(`/api/v1/members/${member.memberId}`, as)).status).toBe(200);
  const [ended, said] = await run(member.email);
  expect([ended, said, linkIn(said)]).toEqual([0, expect.stringContaining('is deactivated'), '']);
});

test('a wrong address or none says what to do', async () => {
  expect(await run('nobody@example.test')).toEqual([1, expect.stringContaining('Nobody here has the address')]);
  expect(await run()).toEqual([1, expect.stringContaining('npm run reset-password -- ann@example.com')]);
});
