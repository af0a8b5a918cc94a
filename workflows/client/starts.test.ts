import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Database } from '#db/client.ts';
import { until } from '#test/setup/until.ts';
import { fakeEngine } from './engine.fixture.ts';
import { createStarts } from './starts.ts';

const log = pino({ level: 'silent' });
/** Runs whose start was written down. */
function remember() {
  const started: string[] = [];
  const db = {
    withOrg: async (orgId: string) => void started.push(orgId),
  } as unknown as Database;
  return { db, started };
}
const refs = (count: number) => Array.from({ length: count }, (_, at) => ({ orgId: `org ${at}`, runId: `run ${at}` }));

/** Temporal that answers each start when told to. */
function slowEngine() {
  const engine = fakeEngine();
  const held: (() => void)[] = [];
  const port = {
    ...engine.port,
    start: async (run: { orgId: string; runId: string }) => {
      await engine.port.start(run);
      await new Promise<void>((resolve) => held.push(resolve));
    },
  };
  return { engine, port, answer: () => held.shift()?.() };
}

test('I4 starting keeps nobody waiting; of many at once a few are under way, the others follow in order', async () => {
  const { engine, port, answer } = slowEngine();
  const { db, started } = remember();
  const starts = createStarts({ db, engine: port, log });
  for (const run of refs(20)) starts.begin(run);
  expect(engine.started).toHaveLength(2);
  await until('all have been started', async () => {
    answer();
    return started.length === 20;
  });
  expect(engine.started.map(({ runId }) => runId)).toEqual(refs(20).map(({ runId }) => runId));
});

test('I4 one that fails holds up none of the others, and is not marked as started', async () => {
  const engine = fakeEngine();
  const { db, started } = remember();
  engine.broken.add('run 0');
  const starts = createStarts({ db, engine: engine.port, log });
  for (const run of refs(2)) starts.begin(run);
  await starts.drain();
  expect(started).toEqual(['org 1']);
});

test('S2 Stop waits for the starts under way and begins no other', async () => {
  const { engine, port, answer } = slowEngine();
  const { db, started } = remember();
  const starts = createStarts({ db, engine: port, log });
  for (const run of refs(10)) starts.begin(run);
  let isOver = false;
  const over = starts.drain().then(() => {
    isOver = true;
  });
  await until('one is written down', async () => {
    if (started.length < 1) answer();
    return started.length === 1;
  });
  expect(isOver).toBe(false);
  answer();
  await over;
  expect([started.length, engine.started.length]).toEqual([2, 2]);
});
