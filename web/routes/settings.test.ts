import { desc, eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { readOrg } from '#db/orgs.ts';
import { approvals, auditLog } from '#db/schema/index.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';

let world: World;
let owner: Person;
beforeAll(async () => {
  world = await createWorld(idleClient(), { ABETWORKS_EGRESS_ALLOW: 'erp.lan:8080' });
});
beforeEach(async () => {
  owner = await addOrg(world);
});
afterAll(() => world.drop());

const read = async (as = owner) => (await world.call('/api/v1/settings', { as })).json;
const patch = (body: object, as = owner) => world.call('/api/v1/settings', { method: 'PATCH', as, body });
const change = async (body: object, as = owner) => patch({ version: (await read(as)).version, ...body }, as);
const lastAudit = async () =>
  (
    await inOrg(world, owner.orgId, ({ tx }) =>
      tx.select().from(auditLog).where(eq(auditLog.orgId, owner.orgId)).orderBy(desc(auditLog.seq)).limit(1),
    )
  )[0];

test('an owner changes a part, the rest stays, and a changed policy gets a higher version', async () => {
  const before = await read();
  expect(before.operatorHosts).toEqual(['erp.lan:8080']);
  const renamed = await change({ name: 'Acme GmbH' });
  expect([renamed.status, renamed.json.name, renamed.json.policy.version]).toEqual([200, 'Acme GmbH', 1]);
  const stricter = await change({
    policy: { write: 'run', dailyCostCapNanos: 5 },
    settings: { activeRunsPerMember: 3 },
  });
  expect(stricter.json.policy).toEqual({ ...before.policy, write: 'run', dailyCostCapNanos: 5, version: 2 });
  expect(stricter.json.settings).toEqual({ ...before.settings, activeRunsPerMember: 3 });
  const stored = await inOrg(world, owner.orgId, readOrg);
  expect([stored.policy.version, stored.settings.activeRunsPerMember, stored.name]).toEqual([2, 3, 'Acme GmbH']);
});

test('each change is in the audit with its fields and versions, and what is the same is no change', async () => {
  const { version } = await read();
  const changed = await change({ settings: { egressHosts: ['API.Example.com', '*.example.org:8443'] } });
  const row = await lastAudit();
  expect(row?.action).toBe('settings.changed');
  expect(JSON.parse(row?.details ?? '')).toEqual({
    fields: ['settings.egressHosts'],
    before: version,
    after: changed.json.version,
    policyVersion: 1,
  });
  expect((await read()).version).toBe(changed.json.version);
  expect((await change({ settings: { egressHosts: ['api.example.com', '*.example.org:8443'] } })).status).toBe(200);
  expect((await lastAudit())?.seq).toBe(row?.seq);
});

test('who changes what somebody else changed meanwhile is told so, and nothing is lost', async () => {
  const { version } = await read();
  expect((await patch({ version, name: 'First' })).status).toBe(200);
  const late = await patch({ version, policy: { write: 'run' } });
  expect([late.status, late.json.detail]).toEqual([409, expect.stringContaining('Somebody changed the settings')]);
  expect(await read()).toMatchObject({ name: 'First', policy: { write: 'approve', version: 1 } });
});

test('twenty changes that saw the same version: one is made', async () => {
  const { version } = await read();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => patch({ version, settings: { activeRunsPerMember: n + 50 } })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
});

test('A3 a policy under which nobody could approve, or that names people who cannot, is refused', async () => {
  const nobody = await change({ policy: { approverRoles: [] } });
  expect([nobody.status, nobody.json.field]).toEqual([422, 'policy.approverRoles']);
  expect((await change({ policy: { approverRoles: ['member'] } })).status).toBe(422);
  const viewer = await addPerson(world, owner.orgId, 'viewer');
  const stranger = await addOrg(world, 'Other');
  for (const id of [viewer.memberId, stranger.memberId, newId()]) {
    const named = await change({ policy: { approverRoles: [], approverMembers: [id] } });
    expect([named.status, named.json.field]).toEqual([422, 'policy.approverMembers']);
  }
  expect((await change({ policy: { approverRoles: ['viewer'] } })).status).toBe(422);
  const member = await addPerson(world, owner.orgId, 'member');
  const named = await change({ policy: { approverRoles: [], approverMembers: [member.memberId, member.memberId] } });
  expect([named.status, named.json.policy.approverMembers]).toEqual([200, [member.memberId]]);
  expect(named.json.warnings.join()).toContain('Only A member can approve');
});

test('A3 an approval that waits keeps the policy it was asked under', async () => {
  const { approvalId } = await addRows(world, owner);
  const of = async () =>
    (await inOrg(world, owner.orgId, ({ tx }) => tx.select().from(approvals).where(eq(approvals.id, approvalId))))[0]
      ?.policy;
  const before = await of();
  expect((await change({ policy: { approverRoles: ['owner'], write: 'run' } })).status).toBe(200);
  expect(await of()).toEqual(before);
});

test.each([
  ['an unknown field', { policy: { version: 9 } }, 'policy'],
  ['a host that is none', { settings: { egressHosts: ['https://example.com/x'] } }, 'settings.egressHosts.0'],
  ['a port that is none', { settings: { egressHosts: ['example.com:70000'] } }, 'settings.egressHosts.0'],
  ['a star in the middle', { settings: { egressHosts: ['a.*.example.com'] } }, 'settings.egressHosts.0'],
  ['no requests at all', { settings: { activeRunsPerMember: 0 } }, 'settings.activeRunsPerMember'],
  ['a second to decide', { policy: { approvalExpiresAfterMs: 1000 } }, 'policy.approvalExpiresAfterMs'],
  ['an empty name', { name: ' ' }, 'name'],
  ['no version', { version: undefined }, 'version'],
])('%s is refused with the field named', async (_, body, field) => {
  const refused = await change(body);
  expect([refused.status, refused.json.field]).toEqual([422, field]);
});

test('D2 admins change settings, members and viewers neither see nor change them', async () => {
  const admin = await addPerson(world, owner.orgId, 'admin');
  expect((await change({ name: 'By an admin' }, admin)).status).toBe(200);
  for (const role of ['member', 'viewer'] as const) {
    const person = await addPerson(world, owner.orgId, role);
    expect((await world.call('/api/v1/settings', { as: person })).status).toBe(403);
    expect((await patch({ version: (await read()).version, name: 'x' }, person)).status).toBe(403);
  }
});

test('a connection to a host outside the org’s list is not made, and within it is', async () => {
  expect((await change({ settings: { egressHosts: ['*.example.com'] } })).status).toBe(200);
  const connect = (name: string, baseUrl: string) =>
    world.call('/api/v1/connections', {
      as: owner,
      body: {
        connector: 'rest',
        name,
        settings: { baseUrl, actions: [{ name: 'list', method: 'GET', path: '/x', effect: 'read', description: 'x' }] },
        credential: { type: 'none' },
      },
    });
  for (const url of ['https://example.com', 'https://evil.test', 'https://a.example.com:8443']) {
    const refused = await connect('One', url);
    expect([url, refused.status, refused.json.detail]).toEqual([
      url,
      422,
      expect.stringContaining('not on your organisation'),
    ]);
  }
  const made = await connect('Two', 'https://api.example.com/v1');
  expect([made.status, made.json.detail]).toEqual([201, undefined]);
});
