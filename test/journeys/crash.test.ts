import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Facts } from '#test/chaos/facts.ts';
import { prepareChaos, type ChaosGround } from '#test/chaos/ground.ts';
import { judge, RECOVERY_LIMIT_MS, type Outside } from '#test/chaos/oracle.ts';
import { newJob } from '#test/chaos/points.ts';
import { playRound, verifyChain, type Round } from '#test/chaos/round.ts';

// `npm run test:chaos` plays ten rounds; one is part of every test run.
const ROUNDS = Number(process.env['ABETWORKS_CHAOS_ROUNDS'] ?? 1);
const ROUND_TIMEOUT_MS = 180_000;
const rounds = Array.from({ length: ROUNDS }, (_, at) => at + 1);
const played: Round[] = [];
let it: ChaosGround;

beforeAll(async () => {
  it = await prepareChaos();
});
afterAll(async () => {
  await it?.stop();
});

async function play(round: string, at: number, alsoTemporal: boolean): Promise<Round> {
  const result = await playRound(it, { round, alsoTemporal, isMade: at % 2 === 0 });
  played.push(result);
  const { jobs, missed, problems, slowest } = result;
  console.info(
    `round ${round}: ${jobs.length} requests, ${missed.length} missed, ${problems.length} problems, slowest ${slowest.number} ${slowest.afterMs} ms`,
  );
  // What the product said about it is gone with its process otherwise.
  if (missed.length + problems.length > 0)
    console.info(
      it
        .lines()
        .filter((line) => line.startsWith('{'))
        .slice(-50)
        .join('\n'),
    );
  return result;
}

test.each(rounds)(
  'E2 E5 S1 killed at every point of a request, nothing is lost, doubled or stuck (round %i)',
  { timeout: ROUND_TIMEOUT_MS },
  async (at) => {
    expect(await play(`a${at}`, at, false)).toMatchObject({ missed: [], problems: [] });
  },
);

test.each(rounds)(
  'E2 E5 S1 the same when Temporal is killed with it (round %i)',
  { timeout: ROUND_TIMEOUT_MS },
  async (at) => {
    expect(await play(`b${at}`, at, true)).toMatchObject({ missed: [], problems: [] });
  },
);

test('D6 after all the kills the audit chain is whole, and nobody sent anything late', async () => {
  expect(await verifyChain(it)).toMatchObject({ badSeq: null });
  const requests = played.reduce((sum, { jobs }) => sum + jobs.length, 0);
  expect(it.erps.keyed.invoices.length + it.erps.keyless.invoices.length).toBe(requests);
});

const wholeFacts = (): Facts => ({
  runs: [{ id: 'r', status: 'done', statusText: null, threadId: 't', startedAt: new Date(1), endedAt: new Date(2) }],
  turns: [],
  calls: [{ id: 'c', status: 'done' }],
  approvals: [{ id: 'a', status: 'approved', payloadSha256: '', usedBy: 'e', signalledAt: new Date(1) }],
  votes: [{ id: 'v' }],
  effects: [{ id: 'e', state: 'confirmed', externalId: 'ERP-1' }],
  replies: [{ text: 'Done: it · id ERP-1' }],
  posts: [{ key: 'reply:r' }],
  modelCalls: [{ id: 'm' }],
  decisions: [{ action: 'approval.approved' }],
  answers: [],
});
const wholeOutside: Outside = { posts: ['e'], postsBeforeAnswer: 1, invoices: ['ERP-1'], modelCalls: 1 };
const verdict = (facts: Partial<Facts>, outside: Partial<Outside>): string[] =>
  judge(
    newJob('approved, not sent', 'keyless', '1', false),
    { ...wholeFacts(), ...facts },
    { ...wholeOutside, ...outside },
    1,
  );

test.each<[string, Partial<Facts>, Partial<Outside>]>([
  ['lost: no run', { runs: [] }, {}],
  ['stuck', { runs: wholeFacts().runs.map((run) => ({ ...run, endedAt: new Date(RECOVERY_LIMIT_MS + 2) })) }, {}],
  ['stuck or failed', { runs: wholeFacts().runs.map((run) => ({ ...run, status: 'waiting' })) }, {}],
  ['doubled: 2 runs', { runs: [...wholeFacts().runs, ...wholeFacts().runs] }, {}],
  ['lost: the ERP has no invoice', {}, { invoices: [] }],
  ['doubled: 2 invoices', {}, { invoices: ['ERP-1', 'ERP-2'] }],
  ['blind resend', {}, { posts: ['e', 'e'], postsBeforeAnswer: 2 }],
  ['sent under 2 keys', {}, { posts: ['e', 'f'] }],
  ['2 votes', { votes: [{ id: 'v' }, { id: 'w' }] }, {}],
  ['2 effects', { effects: [...wholeFacts().effects, ...wholeFacts().effects] }, {}],
  ['2 replies', { replies: [...wholeFacts().replies, { text: 'again' }] }, {}],
  ['the reply has no receipt', { replies: [{ text: 'I did it.' }] }, {}],
  ['2 model calls, 1 on record', {}, { modelCalls: 2 }],
])('the oracle notices "%s"', (problem, facts, outside) => {
  expect(verdict({}, {})).toEqual([]);
  expect(verdict(facts, outside).join('\n')).toContain(problem);
});
