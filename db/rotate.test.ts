import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseKeyRing, type KeyRing } from '#core/keys.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { audit, checkpointAudit, verifyAudit } from './audit.ts';
import { addConnection, readCredential, rotateCredential } from './connections.ts';
import { checkKeyRing, forgetKeys } from './key-check.ts';
import { beginIdempotent } from './idempotency.ts';
import { readKeptAnswers, readKeyUse, rotateKeys } from './rotate.ts';

const [a, b] = [0, 1].map(() => randomBytes(32).toString('base64'));
const [old, both, fresh] = [`k1:${a}`, `k2:${b},k1:${a}`, `k2:${b}`].map(parseKeyRing) as [KeyRing, KeyRing, KeyRing];

let world: World;
let sql: postgres.Sql;
let people: Person[];
let made: { by: Person; id: string; secret: string }[];

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 1, onnotice: () => {} });
  people = [await addOrg(world), await addOrg(world, 'Other')];
  await checkKeyRing(world.deps.db, old);
  made = [];
  for (const by of people)
    for (let n = 0; n < 130; n += 1) made.push({ by, secret: `secret ${by.orgId} ${n}`, id: await connect(by, n) });
  for (const { orgId } of people) await inOrg(world, orgId, (org) => checkpointAudit(org, old));
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const connect = async (by: Person, n: number): Promise<string> => {
  const wanted = {
    connector: 'calculator',
    name: `C ${n}`,
    slug: `c${n}`,
    settings: {},
    ownerMemberId: by.memberId,
  };
  const row = await inOrg(world, by.orgId, (org) =>
    addConnection(org, old, wanted, { secret: `secret ${by.orgId} ${n}` }),
  );
  return row.id;
};
const opened = ({ by, id }: { by: Person; id: string }, keys: KeyRing) =>
  inOrg(world, by.orgId, (org) => readCredential(org, keys, id));
const lines: string[] = [];
const rotate = (onBatch?: (n: number) => void) =>
  rotateKeys(world.deps.db, both, {
    keepCheckpoint: async (line) => void lines.push(line),
    ...(onBatch && { onBatch }),
  });

test('D5 a key that credentials or the last audit checkpoint need may not be taken out: the start refuses and says by what', async () => {
  await expect(checkKeyRing(world.deps.db, fresh)).rejects.toThrow(/none of the keys/);
  expect(await checkKeyRing(world.deps.db, both)).toEqual([]);
  await expect(checkKeyRing(world.deps.db, fresh)).rejects.toThrow(
    /lacks the key "k1", which is still needed by 260 stored credentials and the audit checkpoints of 2 organisations\. Add it back/,
  );
});

test('D5 a rotation that dies in the middle has lost nothing, and the next one finishes it while credentials are read and changed', async () => {
  const [changed, ...untouched] = made;
  if (!changed) throw new Error('nothing there');
  await expect(
    rotate(() => {
      throw new Error('killed');
    }),
  ).rejects.toThrow('killed');
  const half = (await readKeyUse(world.deps.db)).get('k1')?.credentials;
  expect(half).toBe(160);
  for (const one of made) expect(await opened(one, both)).toEqual({ secret: one.secret });

  const [second] = people;
  await inOrg(world, second?.orgId ?? '', (org) =>
    beginIdempotent(org, old, { memberId: second?.memberId ?? '', key: 'x', request: 'y' }),
  );
  const over = new AbortController();
  const load = (async () => {
    let at = 0;
    while (!over.signal.aborted) {
      const one = untouched[(at += 7) % untouched.length] ?? changed;
      expect(await opened(one, both)).toEqual({ secret: one.secret });
      // Somebody gives a new one, on a process with the same ring.
      await inOrg(world, changed.by.orgId, (org) => rotateCredential(org, both, changed.id, { secret: `new ${at}` }));
    }
    return `new ${at}`;
  })();
  const [one, two] = await Promise.all([rotate(), rotate()]);
  over.abort();
  const last = await load;
  expect(one.credentials + two.credentials).toBe(160);
  expect(await opened(changed, fresh)).toEqual({ secret: last });
  for (const each of untouched) expect(await opened(each, fresh)).toEqual({ secret: each.secret });
  expect(await rotate()).toEqual({ credentials: 0 });
});

test('D5 the chain holds without the old key once a checkpoint under the new one covers it, and a cut tail still shows', async () => {
  expect(lines).toHaveLength(2);
  const [{ orgId } = { orgId: '' }] = people;
  const verdict = (keys: KeyRing) =>
    world.deps.db.withSystem('a test', (tx) => verifyAudit(tx, orgId, keys)).then(({ badSeq }) => badSeq);
  expect(await verdict(fresh)).toBeNull();
  expect(await verdict(both)).toBeNull();
  await inOrg(world, orgId, (org) => audit(org, { actor: 'system', action: 'a', target: { type: 't', id: '1' } }));
  await sql`update audit_log set details = '{"x":1}' where org_id = ${orgId} and seq = 1`;
  expect(await verdict(fresh)).toBe(1);
});

test('D5 afterwards the old key may leave; what is kept for a day is told; the start forgets it', async () => {
  expect([...(await readKeyUse(world.deps.db))]).toEqual([['k2', { credentials: 260, audits: 2 }]]);
  expect((await readKeptAnswers(world.deps.db)).get('k1')).toMatchObject({ n: 1, until: expect.any(Date) });
  expect(await checkKeyRing(world.deps.db, fresh)).toEqual(['k1']);
  await forgetKeys(world.deps.db, ['k1']);
  expect(await checkKeyRing(world.deps.db, fresh)).toEqual([]);
});
