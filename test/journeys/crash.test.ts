import { afterAll, beforeAll, expect, test } from 'vitest';
import { prepareChaos, type ChaosGround } from '#test/chaos/ground.ts';
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
