import { afterAll, beforeAll, expect, test } from 'vitest';
import { eq } from 'drizzle-orm';
import { newId } from '#core/ids.ts';
import { modelCalls, orgs } from '#db/schema/index.ts';
import { SUMMARY_TURN } from '#db/usage.ts';
import { addStory, createStoryWorld } from '#test/web/story.ts';
import { addOrg, addPerson, cookieOf, inOrg, PASSWORD, type World } from '#test/web/world.ts';

const MODEL = 'anthropic/claude-secret-9';

let world: World;
beforeAll(async () => {
  world = await createStoryWorld({ ABETWORKS_MODEL: MODEL, ANTHROPIC_API_KEY: 'k' });
});
afterAll(() => world.drop());

const adminOf = async (orgId: string) => {
  const made = await addPerson(world, orgId, 'admin', PASSWORD);
  return { ...made, cookie: await cookieOf(world, made.email) };
};

test('D7 the badge names the server’s model to the first org only: others are answered by rules', async () => {
  const [first, other] = [await addOrg(world), await addOrg(world, 'Other')];
  await inOrg(world, first.orgId, ({ tx }) => tx.update(orgs).set({ isFirst: true }).where(eq(orgs.id, first.orgId)));
  const { cookie } = await adminOf(first.orgId);
  expect((await world.call('/', { headers: { cookie } })).text).toContain(MODEL);
  const { cookie: others } = await adminOf(other.orgId);
  const { text } = await world.call('/', { headers: { cookie: others } });
  expect(text).not.toContain(MODEL);
  expect(text).toContain('Rule-based mode');
});

test('a call that summed the thread up is called that on the run’s page, and is no turn', async () => {
  const admin = await adminOf((await addOrg(world, 'Third')).orgId);
  const { runId } = await addStory(world, admin, { end: 'done' });
  const call = { orgId: admin.orgId, runId, provider: 'openai', model: 'm', reservedNanos: 0, status: 'done' } as const;
  await inOrg(world, admin.orgId, async ({ tx }) => {
    await tx.delete(modelCalls).where(eq(modelCalls.runId, runId));
    await tx.insert(modelCalls).values([
      { ...call, id: newId(), turnNumber: 1 },
      { ...call, id: newId(), turnNumber: SUMMARY_TURN },
    ]);
  });
  const { text } = await world.call(`/runs/${runId}`, { headers: { cookie: admin.cookie } });
  expect(text).toContain('<strong>Turn 1</strong>');
  expect(text).toContain('<strong>Summary of the thread</strong>');
  expect(text).not.toContain('Turn 0');
});
