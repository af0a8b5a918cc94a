import { pino } from 'pino';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ChatOut, Outgoing } from '#core/chat.ts';
import { UserError } from '#core/errors.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, createWorld, type Person, type World } from '#test/web/world.ts';
import { createEffectQuestion } from './ask-effect.ts';
import { createProgress } from './progress.ts';

let world: World;
let sql: postgres.Sql;
let ana: Person;
let shows: Outgoing[];
let isAway: boolean | UserError;
let logged: { alert?: boolean }[];
let question: ReturnType<typeof createEffectQuestion>;

beforeAll(async () => {
  world = await createWorld(idleClient());
  sql = postgres(world.database.adminUrl, { max: 2, onnotice: () => {} });
  ana = await addOrg(world);
});
afterAll(async () => {
  await sql.end();
  await world.drop();
});
beforeEach(() => {
  [shows, logged, isAway] = [[], [], false];
  // As every mouth: what was posted under a key is not posted again.
  const slack: ChatOut = {
    platform: 'slack',
    budget: { textLength: 3_000, blocks: 50, buttons: 5, fieldLength: 2_000 },
    post: async (_, to, message) => {
      if (isAway) throw isAway === true ? new Error('Slack is away') : isAway;
      if (!shows.some(({ key }) => key === message.key)) shows.push(message);
      return { ...to, message: message.key };
    },
    edit: async (_, at, message) => {
      shows = shows.map((shown) => (shown.key === at.message ? message : shown));
    },
  };
  const log = pino({}, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const deps = { db: world.deps.db, log, chat: { slack } };
  question = createEffectQuestion({ ...deps, progress: createProgress(deps) });
});

const addUnclear = async () => {
  const rows = await addRows(world, ana, { place: { platform: 'slack', channel: 'C1' } });
  return { ...rows, asked: { orgId: ana.orgId, runId: rows.runId, effectId: rows.effectId } };
};
const questionOf = async (effectId: string) =>
  (await sql`select question_shows, question_attempts from effects where id = ${effectId}`)[0];

test('E6 a question whose run was stopped no longer offers to send again, and shows the answer that comes later', async () => {
  const { asked, runId, effectId } = await addUnclear();
  await question.askAboutEffect(asked);
  expect(JSON.stringify(shows)).toContain('send again');
  expect(await questionOf(effectId)).toMatchObject({ question_shows: 'open' });
  await sql`update runs set status = 'stopped', ended_at = now() where id = ${runId}`;
  await question.editQuestion(asked);
  expect(shows).toHaveLength(1);
  expect(JSON.stringify(shows)).toContain('nothing more happens');
  expect(JSON.stringify(shows)).not.toContain('send again');
  expect(await questionOf(effectId)).toMatchObject({ question_shows: 'over' });
  await sql`update effects set state = 'resolved', resolution = 'not_sent', resolved_by = ${ana.memberId}, resolved_at = now() where id = ${effectId}`;
  await question.editQuestion(asked);
  expect(JSON.stringify(shows)).toContain('said it was not sent');
  expect(await questionOf(effectId)).toMatchObject({ question_shows: 'answered' });
});

test('E6 sent again after "not sent" and unclear once more, the same message asks again', async () => {
  const { asked, effectId } = await addUnclear();
  await question.askAboutEffect(asked);
  await sql`update effects set state = 'resolved', resolution = 'not_sent', resolved_by = ${ana.memberId} where id = ${effectId}`;
  await question.askAboutEffect(asked);
  expect(JSON.stringify(shows)).not.toContain('sent:');
  await sql`update effects set state = 'ambiguous', resolution = null, resolved_by = null, attempts = 2 where id = ${effectId}`;
  await question.askAboutEffect(asked);
  expect(shows).toHaveLength(1);
  expect(JSON.stringify(shows)).toContain(`not_sent:${effectId}`);
  expect(await questionOf(effectId)).toMatchObject({ question_shows: 'open' });
});

test('S1 a question that cannot be edited is tried later and later, with an alert after ten times', async () => {
  const { asked, effectId } = await addUnclear();
  isAway = true;
  for (let n = 0; n < 10; n += 1) await question.editQuestion(asked);
  expect(await questionOf(effectId)).toMatchObject({ question_attempts: 10 });
  expect(logged.filter(({ alert }) => alert)).toHaveLength(1);
});

test('R7 a question that the platform lastingly does not take fails its run with the reason, and one line alerts', async () => {
  const { asked } = await addUnclear();
  isAway = new UserError('Slack did not take the message (missing_scope).');
  await expect(question.askAboutEffect(asked)).rejects.toBe(isAway);
  expect(logged.filter(({ alert }) => alert)).toMatchObject([{ runId: asked.runId, msg: 'a card was not posted' }]);
  isAway = true;
  logged.length = 0;
  await expect(question.askAboutEffect(asked)).rejects.toThrow('Slack is away');
  expect(logged.filter(({ alert }) => alert)).toEqual([]);
});
