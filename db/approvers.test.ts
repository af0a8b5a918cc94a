import { afterAll, beforeAll, expect, test } from 'vitest';
import { idleClient } from '#test/web/client.ts';
import { addOrg, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { slackAccountsOf } from './approvers.ts';
import { identities, slackInstallations, slackPeople } from './schema/index.ts';

let world: World;
let ana: Person;
beforeAll(async () => {
  world = await createWorld(idleClient());
  ana = await addOrg(world);
  const { orgId, memberId } = ana;
  await inOrg(world, orgId, async ({ tx }) => {
    for (const tenant of ['T1', 'T2']) {
      await tx.insert(slackInstallations).values({
        orgId,
        tenant,
        teamName: tenant,
        botUserId: 'UBOT',
        source: 'oauth',
        updatedAt: new Date(),
      });
      await tx.insert(identities).values({ orgId, memberId, platform: 'slack', tenant, externalId: `UANA${tenant}` });
    }
  });
});
afterAll(() => world.drop());

const accounts = () =>
  inOrg(world, ana.orgId, async (org) =>
    (await slackAccountsOf(org, [ana.memberId], 'T1')).map(({ externalId }) => externalId),
  );

test.each(['isBot', 'isGuest', 'isStranger', 'isDeactivated'] as const)(
  'I3 a card is not sent to an account of which Slack said %s: it could decide nothing; another one of the member gets it',
  async (flag) => {
    expect(await accounts()).toEqual(['UANAT1']);
    const none = { isBot: false, isGuest: false, isStranger: false, isDeactivated: false };
    const person = { orgId: ana.orgId, name: 'Ana', fetchedAt: new Date(), ...none };
    const add = (tenant: string, change: object) =>
      inOrg(world, ana.orgId, ({ tx }) =>
        tx.insert(slackPeople).values({ ...person, tenant, externalId: `UANA${tenant}`, ...change }),
      );
    await add('T1', { [flag]: true });
    expect(await accounts()).toEqual(['UANAT2']);
    await add('T2', { [flag]: true });
    expect(await accounts()).toEqual([]);
    await inOrg(world, ana.orgId, ({ tx }) => tx.delete(slackPeople));
  },
);
