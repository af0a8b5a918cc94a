import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parseKeyRing } from '#core/keys.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { listAudit } from './audit.ts';
import { checkKeyRing } from './key-check.ts';
import { readKeyUse, rotateKeys } from './rotate.ts';
import { identities, slackHomes, slackLinks, slackPeople } from './schema/index.ts';
import {
  findInstallation,
  listInstallations,
  noteHeard,
  removeInstallation,
  revokeInstallation,
  saveInstallation,
} from './slack-installations.ts';
import { beginInstall, takeState } from './slack-states.ts';
import { openToken } from './slack-tokens.ts';

const [a, b] = [0, 1].map(() => randomBytes(32).toString('base64'));
const old = parseKeyRing(`k1:${a}`);
const both = parseKeyRing(`k2:${b},k1:${a}`);
const fresh = parseKeyRing(`k2:${b}`);

let world: World;
let sql: postgres.Sql;
let ours: Person;
let theirs: Person;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  [ours, theirs] = [await addOrg(world), await addOrg(world, 'Other')];
});
beforeEach(async () => {
  await sql`truncate slack_installations, slack_people, slack_links, slack_homes, slack_oauth_states`;
  await sql`delete from identities where platform = 'slack'`;
  await sql`delete from tenants where platform = 'slack'`;
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});

const save = (person: Person, tenant: string, token = `xoxb-${tenant}`) =>
  inOrg(world, person.orgId, (org) =>
    saveInstallation(
      org,
      old,
      {
        tenant,
        isEnterprise: false,
        teamName: tenant,
        appId: null,
        botUserId: 'UBOT',
        botId: null,
        scopes: ['chat:write'],
        source: 'oauth',
        expiresAt: null,
        secret: { token, refreshToken: 'xoxe-1' },
        memberId: person.memberId,
      },
      `member:${person.memberId}`,
    ),
  );
const audited = async ({ orgId }: Person) =>
  (await inOrg(world, orgId, (org) => listAudit(org, { limit: 50 }))).map(({ action }) => action);
const tokenOf = (person: Person, tenant: string, keys = both) =>
  inOrg(world, person.orgId, (org) => openToken(org, keys, tenant));

/** A person of the workspace, linked to the owner, with a link under way and an App Home. */
const people = (person: Person, tenant: string) =>
  inOrg(world, person.orgId, async ({ tx, id: orgId }) => {
    const at = { orgId, tenant, externalId: `U-${tenant}` };
    const flags = { isBot: false, isGuest: false, isStranger: false, isDeactivated: false };
    await tx.insert(identities).values({ ...at, memberId: person.memberId, platform: 'slack' });
    await tx.insert(slackPeople).values({ ...at, ...flags, name: 'Ann', fetchedAt: new Date() });
    await tx.insert(slackLinks).values({ ...at, tokenHash: `hash ${tenant} ${orgId}`, expiresAt: new Date() });
    await tx.insert(slackHomes).values({ ...at, openedAt: new Date(), updatedAt: new Date() });
  });
const left = async (tenant: string) => {
  const [row] = await sql`
    select (select count(*)::int from tenants where tenant = ${tenant}) as tenants, (select count(*)::int from identities where tenant = ${tenant}) as identities,
      (select count(*)::int from slack_people where tenant = ${tenant}) as people, (select count(*)::int from slack_links where tenant = ${tenant}) as links,
      (select count(*)::int from slack_homes where tenant = ${tenant}) as homes,
      (select count(*)::int from slack_installations where tenant = ${tenant} and sealed is not null) as tokens`;
  return row;
};
const ALL = { tenants: 1, identities: 1, people: 1, links: 1, homes: 1, tokens: 1 };
const NONE = { tenants: 0, identities: 0, people: 0, links: 0, homes: 0, tokens: 0 };

test('an installation is found and listed in its own org only, and never shows its token', async () => {
  await save(ours, 'T1');
  expect(await inOrg(world, theirs.orgId, (org) => findInstallation(org, 'T1'))).toBeUndefined();
  expect(await inOrg(world, theirs.orgId, listInstallations)).toEqual([]);
  const [row] = await inOrg(world, ours.orgId, listInstallations);
  expect(row).toMatchObject({ tenant: 'T1', status: 'active' });
  expect(Object.keys(row ?? {})).not.toEqual(expect.arrayContaining(['sealed']));
});

test('removing takes the token and all that belongs to the workspace, leaves the other workspaces and the members, and is audited once', async () => {
  for (const tenant of ['T1', 'T2']) {
    await save(ours, tenant);
    await people(ours, tenant);
  }
  await save(theirs, 'T3');
  await people(theirs, 'T3');
  const remove = () =>
    inOrg(world, ours.orgId, (org) =>
      removeInstallation(org, 'T1', 'uninstalled', {
        actor: 'system',
        problem: 'The app was removed from the workspace.',
      }),
    );
  expect(await left('T1')).toEqual(ALL);
  expect([await remove(), await remove()]).toEqual([true, false]);
  expect(await left('T1')).toEqual(NONE);
  expect(await left('T2')).toEqual(ALL);
  expect(await left('T3')).toEqual(ALL);
  expect(await inOrg(world, ours.orgId, (org) => findInstallation(org, 'T1'))).toMatchObject({
    status: 'uninstalled',
    problem: expect.stringContaining('removed'),
  });
  expect((await audited(ours)).filter((action) => action === 'slack.uninstalled')).toHaveLength(1);
  expect(await sql`select status from members where id = ${ours.memberId}`).toEqual([{ status: 'active' }]);
});

test('Slack’s two events of one removal may come in any order, and neither speaks over what an admin did', async () => {
  await save(ours, 'T1');
  const remove = (why: 'uninstalled' | 'revoked') =>
    inOrg(world, ours.orgId, (org) => removeInstallation(org, 'T1', why, { actor: 'system', problem: why }));
  expect([await remove('revoked'), await remove('revoked'), await remove('uninstalled')]).toEqual([true, false, true]);
  expect([await remove('revoked'), await remove('uninstalled')]).toEqual([false, false]);
  expect(await inOrg(world, ours.orgId, (org) => findInstallation(org, 'T1'))).toMatchObject({
    status: 'uninstalled',
    problem: 'uninstalled',
  });
});

test('a removed workspace may go to another org, and one that another org has may not be removed from here', async () => {
  await save(ours, 'T1');
  const removeAs = (person: Person) =>
    inOrg(world, person.orgId, (org) => removeInstallation(org, 'T1', 'revoked', { actor: 'system', problem: 'x' }));
  expect(await removeAs(theirs)).toBe(false);
  expect(await left('T1')).toMatchObject({ tenants: 1, tokens: 1 });
  await expect(save(theirs, 'T1')).rejects.toMatchObject({ status: 409 });
  await removeAs(ours);
  expect(await save(theirs, 'T1')).toMatchObject({ status: 'active' });
  await expect(save(ours, 'T1')).rejects.toMatchObject({ status: 409 });
});

test('what Slack no longer accepts loses its token and keeps its people, so that installing again is enough', async () => {
  await save(ours, 'T1');
  await people(ours, 'T1');
  const revoke = () =>
    inOrg(world, ours.orgId, (org) =>
      revokeInstallation(org, 'T1', { problem: 'Install it again.', code: 'invalid_auth' }),
    );
  expect([await revoke(), await revoke()]).toEqual([true, false]);
  expect(await left('T1')).toEqual({ ...ALL, tokens: 0 });
  expect(await tokenOf(ours, 'T1')).toBeUndefined();
  expect(await save(ours, 'T1')).toMatchObject({ status: 'active', problem: null });
});

test('when Slack was last heard is written once a minute, and waits for nobody who holds the row', async () => {
  await save(ours, 'T1');
  const heardAt = async () => (await inOrg(world, ours.orgId, (org) => findInstallation(org, 'T1')))?.heardAt;
  const note = (person = ours) => inOrg(world, person.orgId, (org) => noteHeard(org, 'T1'));
  await note(theirs);
  expect(await heardAt()).toBeNull();
  await sql.begin(async (tx) => {
    await tx`select 1 from slack_installations for update`;
    await note();
  });
  expect(await heardAt()).toBeNull();
  await note();
  const first = await heardAt();
  expect(first).not.toBeNull();
  await note();
  expect(await heardAt()).toEqual(first);
  await sql`update slack_installations set heard_at = now() - interval '61 seconds'`;
  await note();
  expect((await heardAt())?.getTime()).toBeGreaterThanOrEqual(first?.getTime() ?? Infinity);
});

test('D5 a rotation seals Slack’s tokens anew, and until then the old key is needed', async () => {
  await checkKeyRing(world.deps.db, old);
  await save(ours, 'T1');
  await save(theirs, 'T2');
  await checkKeyRing(world.deps.db, both);
  await expect(checkKeyRing(world.deps.db, fresh)).rejects.toThrow(
    '"k1", which is still needed by 2 stored credentials',
  );
  const rotate = () => rotateKeys(world.deps.db, both, { keepCheckpoint: async () => {} });
  expect(await rotate()).toEqual({ credentials: 2 });
  expect(await rotate()).toEqual({ credentials: 0 });
  expect((await readKeyUse(world.deps.db)).get('k2')).toMatchObject({ credentials: 2 });
  expect(await tokenOf(ours, 'T1', fresh)).toMatchObject({ secret: { token: 'xoxb-T1', refreshToken: 'xoxe-1' } });
  expect(await tokenOf(theirs, 'T2', fresh)).toMatchObject({ secret: { token: 'xoxb-T2' } });
  expect(await checkKeyRing(world.deps.db, fresh)).toEqual(['k1']);
});

test('D5 sealed bytes open in no other row: not of another workspace, not of another org', async () => {
  await save(ours, 'T1');
  await save(ours, 'T2');
  await save(theirs, 'T3');
  await sql`update slack_installations set sealed = (select sealed from slack_installations where tenant = 'T1') where tenant <> 'T1'`;
  await expect(tokenOf(ours, 'T2')).rejects.toThrow(/authenticate/);
  await expect(tokenOf(theirs, 'T3')).rejects.toThrow(/authenticate/);
  expect(await tokenOf(ours, 'T1')).toMatchObject({ secret: { token: 'xoxb-T1' } });
});

const SECRET = 'a state secret of the operator';
const begin = (secret?: string) =>
  inOrg(world, ours.orgId, (org) => beginInstall(org, both, { memberId: ours.memberId, secret }));
const take = (
  state: string,
  {
    by = ours,
    orgId = by.orgId,
    secret,
    keys = both,
  }: { by?: Person; orgId?: string; secret?: string; keys?: typeof both } = {},
) => inOrg(world, orgId, (org) => takeState(org, keys, { state, memberId: by.memberId, secret }));
const stale = { status: 400, message: expect.stringContaining('Start it again') };

test('an install’s state works once', async () => {
  const { state } = await begin();
  expect((await take(state)).verifier).toMatch(/^[\w-]{43}$/);
  await expect(take(state)).rejects.toMatchObject(stale);
  const two = await begin();
  const ends = await Promise.allSettled([take(two.state), take(two.state)]);
  expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
});

test('an install’s state works for whoever began it, in that org, for ten minutes', async () => {
  const { state } = await begin();
  await expect(take(state, { by: theirs })).rejects.toMatchObject(stale);
  await expect(take(state, { by: theirs, orgId: ours.orgId })).rejects.toMatchObject(stale);
  await expect(take('made-up')).rejects.toMatchObject(stale);
  await sql`update slack_oauth_states set expires_at = expires_at - interval '9 minutes'`;
  expect(await take(state)).toHaveProperty('verifier');
  const [early, late] = [await begin(), await begin()];
  await sql`update slack_oauth_states set expires_at = expires_at - interval '10 minutes'`;
  await expect(take(early.state)).rejects.toMatchObject(stale);
  await expect(take(late.state)).rejects.toMatchObject(stale);
});

test('a state signed with the operator’s secret is not accepted when forged, unsigned or signed with another', async () => {
  const { state } = await begin(SECRET);
  const [nonce] = state.split('.');
  const unsigned = await begin();
  await expect(take(`${nonce}.${'0'.repeat(64)}`, { secret: SECRET })).rejects.toMatchObject(stale);
  await expect(take(unsigned.state, { secret: SECRET })).rejects.toMatchObject(stale);
  await expect(take(state, { secret: `${SECRET}!` })).rejects.toMatchObject(stale);
  expect(await take(state, { secret: SECRET })).toHaveProperty('verifier');
});

test('neither the state nor its secret half lies readable in the database, and old ones are swept', async () => {
  const { state } = await begin();
  const text = JSON.stringify(await sql`select * from slack_oauth_states`);
  expect(text).not.toContain(state);
  // Its key left in a rotation meanwhile: it is begun again, not broken.
  await expect(take(state, { keys: parseKeyRing(`k9:${a}`) })).rejects.toMatchObject(stale);
  await sql`update slack_oauth_states set expires_at = now() - interval '2 days'`;
  await begin();
  expect(await sql`select count(*)::int as n from slack_oauth_states`).toEqual([{ n: 1 }]);
});
