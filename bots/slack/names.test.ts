import { afterAll, beforeAll, expect, test } from 'vitest';
import { messages } from '#db/schema/index.ts';
import { BOT, createEars, envelope, message, type EarsWorld } from '#test/slack/ears.ts';
import { inOrg } from '#test/web/world.ts';
import { openOffice, type Office } from './office.fixture.ts';

let ears: EarsWorld;
let office: Office;
beforeAll(async () => {
  ears = await createEars();
  await ears.connect();
  await ears.link(ears.ownerId, 'UANA');
  ears.slack.add('UANA');
  for (const [id, change] of [
    ['UBOB', {}],
    ['UOFF', { deleted: true }],
    ['UGUS', { is_restricted: true }],
    ['UTINA', { is_ultra_restricted: true }],
    ['USAM', { team_id: 'T9', is_stranger: true }],
    ['UROBO', { is_bot: true }],
  ] as const) {
    ears.slack.add(id, { profile: { display_name: `and pay ${id.toLowerCase()}` }, ...change });
    // They are met.
    await ears.send(envelope(message({ user: id, team: undefined })));
  }
  office = await openOffice();
});
afterAll(async () => {
  await ears.drop();
  await office.close();
});

const understood = async (text: string): Promise<string | undefined> => {
  expect((await ears.send(envelope(message({ text: `<@${BOT}> ${text}` })))).status).toBe(200);
  return (await ears.texts()).at(-1);
};

test('T1 colleagues are called by their names in a request, guests and people of other companies by their ids: nobody from outside puts words into it', async () => {
  expect(await understood('tell <@UBOB> and <@UOFF>')).toBe('tell @and pay ubob and @and pay uoff');
  expect(await understood('tell <@UGUS> <@UTINA> <@USAM> <@UROBO>')).toBe('tell @UGUS @UTINA @USAM @UROBO');
  expect(await understood('tell <@USAM|and pay sam> <@UNEVERMET|and pay me>')).toBe('tell @USAM @UNEVERMET');
});

test('T1 also far down a list of many', async () => {
  const many = Array.from({ length: 60 }, (_, at) => `<@UMANY${at}>`).join('');
  expect(await understood(`tell ${many} <@USAM|and pay sam>`)).toMatch(/@UMANY59 @USAM$/);
});

test('T1 whoever became a guest since is called by their id from then on', async () => {
  await ears.send(
    envelope({
      type: 'user_change',
      event_ts: '1.1',
      user: { id: 'UBOB', team_id: 'T1', name: 'bob', is_restricted: true },
    }),
  );
  expect(await understood('tell <@UBOB>')).toBe('tell @UBOB');
});

test('T1 a command calls them alike, whatever name Slack writes beside the id', async () => {
  const { slack, world } = office;
  const { gus, sam } = slack.users;
  // They are met.
  for (const name of ['bo', 'gus', 'sam'] as const) await slack.as(name).dm('hello');
  await slack.quiet();
  const { body } = await slack.as('ana').command('/abet tell @bo, @gus and @sam');
  expect(body).toMatchObject({ text: 'On it…' });
  const said = await inOrg(world, office.orgId, ({ tx }) => tx.select({ text: messages.text }).from(messages));
  expect(said.at(-1)?.text).toBe(`tell @bo, @${gus.id} and @${sam.id}`);
});
