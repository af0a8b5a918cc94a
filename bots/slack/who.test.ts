import { afterAll, beforeAll, expect, test } from 'vitest';
import { readable } from '#test/fakes/slack/index.ts';
import { addAsked } from '#test/web/asked.ts';
import { addOrg, type Person } from '#test/web/world.ts';
import { openOffice, type Office } from './office.fixture.ts';

let it: Office;
let other: Person;
beforeAll(async () => {
  // As it is for a minute after a workspace went to another org: one process still remembers the old one.
  it = await openOffice({
    findActor: async () => ({ actor: { orgId: other.orgId, memberId: other.memberId, role: 'owner' }, name: 'Other' }),
  });
  other = await addOrg(it.world, 'Other');
});
afterAll(() => it.close());

test('I3 an owner of the org that a workspace went to sees and does nothing in the org that it came from', async () => {
  const { approvalId } = await addAsked(it.world, it.members.mia, it.erp);
  const card = await it.postCard(approvalId);
  await it.slack.as('bo').click(card, 'Deny');
  expect(await it.told('bo', 'moved to another organisation')).toBeTruthy();
  const { body } = await it.slack.as('bo').command('/abet status');
  expect(readable(JSON.parse(JSON.stringify(body)))).toContain('moved to another organisation');
});
