import { and, eq } from 'drizzle-orm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { idleClient } from '#test/web/client.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { identitiesOf, identityOf, linkIdentity, unlinkIdentity } from './identities.ts';
import { auditLog, members, tenants } from './schema/index.ts';

let world: World;
let [ana, bo]: Person[] = [];
const TENANT = 'T0ACME';
beforeAll(async () => {
  world = await createWorld(idleClient());
  ana = await addOrg(world);
  bo = await addPerson(world, ana.orgId, 'member');
  await inOrg(world, ana.orgId, ({ tx }) =>
    tx.insert(tenants).values({ orgId: ana?.orgId ?? '', platform: 'slack', tenant: TENANT }),
  );
});
afterAll(() => world.drop());

const link = (by: Person | undefined, externalId: string, tenant = TENANT) => {
  const { orgId, memberId } = by ?? { orgId: '', memberId: '' };
  const wanted = { platform: 'slack', tenant, externalId, memberId, how: 'link', actor: `member:${memberId}` } as const;
  return inOrg(world, orgId, (org) => linkIdentity(org, wanted));
};
const audited = (action: string, memberId = '') =>
  inOrg(world, ana?.orgId ?? '', ({ tx }) =>
    tx
      .select({ details: auditLog.details })
      .from(auditLog)
      .where(and(eq(auditLog.action, action), eq(auditLog.targetId, memberId))),
  );

test('an account is linked once, and audited with how', async () => {
  expect(await link(ana, 'U0ANA')).toBe('linked');
  expect(await link(ana, 'U0ANA')).toBe('was_linked');
  const rows = await audited('identity.linked', ana?.memberId);
  expect(rows.map(({ details }) => JSON.parse(details))).toEqual([
    { platform: 'slack', tenant: TENANT, externalId: 'U0ANA', how: 'link' },
  ]);
  const { orgId, memberId } = ana ?? { orgId: '', memberId: '' };
  expect(await inOrg(world, orgId, (org) => identityOf(org, memberId, 'slack'))).toMatchObject({ externalId: 'U0ANA' });
  expect(await inOrg(world, orgId, (org) => identityOf(org, memberId, 'slack', 'T0OTHER'))).toBeUndefined();
});

test('an account that is somebody else’s is refused, also another org’s', async () => {
  await link(ana, 'U0TAKEN');
  await expect(link(bo, 'U0TAKEN')).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('another member'),
  });
  const other = await addOrg(world, 'Other');
  await expect(link(other, 'U0TAKEN')).rejects.toMatchObject({ status: 409 });
});

test('I3 only an account of a workspace of the org can be linked', async () => {
  const other = await addOrg(world, 'Third');
  await expect(link(other, 'U0NEW')).rejects.toMatchObject({
    status: 409,
    message: expect.stringContaining('not connected'),
  });
});

test('only an active member can link', async () => {
  const cy = await addPerson(world, ana?.orgId ?? '', 'member');
  for (const status of ['invited', 'deactivated'] as const) {
    await inOrg(world, cy.orgId, ({ tx }) => tx.update(members).set({ status }).where(eq(members.id, cy.memberId)));
    await expect(link(cy, `U0${newId().slice(0, 6)}`)).rejects.toMatchObject({ status: 409 });
  }
});

test('one unlinks one’s own account only, and that is audited', async () => {
  await link(ana, 'U0GOES');
  const { orgId } = ana ?? { orgId: '' };
  const unlink = (by: Person | undefined) =>
    inOrg(world, orgId, (org) =>
      unlinkIdentity(org, {
        platform: 'slack',
        tenant: TENANT,
        externalId: 'U0GOES',
        memberId: by?.memberId ?? '',
        how: 'account',
        actor: 'member:x',
      }),
    );
  expect(await unlink(bo)).toBe(false);
  expect(await unlink(ana)).toBe(true);
  expect(await audited('identity.unlinked', ana?.memberId)).toHaveLength(1);
  const left = await inOrg(world, orgId, (org) => identitiesOf(org, ana?.memberId ?? '', 'slack'));
  expect(left.map(({ externalId }) => externalId)).not.toContain('U0GOES');
});
