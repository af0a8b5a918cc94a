import { eq } from 'drizzle-orm';
import { newId } from '#core/ids.ts';
import type { Database } from '#db/client.ts';
import { addMember } from '#db/members.ts';
import { members, orgs } from '#db/schema/identity.ts';
import { createOrg } from '#web/seed.ts';

/** An org to fill, and who asks in it. */
export interface SeededOrg {
  orgId: string;
  name: string;
  memberIds: string[];
}

const PEOPLE = 20;

/** The first org, when there is one, and new ones up to `count`, each with people to ask. */
export async function prepareOrgs(db: Database, count: number): Promise<SeededOrg[]> {
  const found = await db.withSystem('find the first org to fill', (tx) =>
    tx.select({ orgId: orgs.id, name: orgs.name }).from(orgs).where(eq(orgs.isFirst, true)),
  );
  while (found.length < count) {
    const name = `Seeded ${found.length + 1}`;
    const { orgId } = await createOrg(db, name, `owner.${newId()}@seeded.example`);
    found.push({ orgId, name });
  }
  return Promise.all(found.map(async (org) => ({ ...org, memberIds: await peopleOf(db, org.orgId) })));
}

const peopleOf = (db: Database, orgId: string): Promise<string[]> =>
  db.withOrg(orgId, async (org) => {
    for (let n = 1; n < PEOPLE; n += 1)
      await addMember(org, {
        email: `person.${newId()}@seeded.example`,
        name: `Person ${n}`,
        role: 'member',
        status: 'active',
      });
    const rows = await org.tx.select({ id: members.id }).from(members).where(eq(members.orgId, orgId));
    return rows.map(({ id }) => id);
  });
