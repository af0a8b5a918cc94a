import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ChatOut, Platform, RunProgress } from '#core/chat.ts';
import type { Database } from '#db/client.ts';
import { until } from '#test/setup/until.ts';
import { createLive } from './chat/slack/live.ts';
import { startLive, type LiveGround } from '#test/setup/slack-live.ts';
import { createProgress } from './progress.ts';

// A minute is 400 ms here: the stream ends after 5, a session fades after 2, and so on.
const MINUTE = 400;
let it: LiveGround;
let queries = 0;
let db: Database;
const log = pino({ level: 'silent' });
const after = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const mouth = (platform: Platform, show?: NonNullable<ChatOut['show']>): ChatOut => ({
  platform,
  budget: { textLength: 1, blocks: 1, buttons: 1, fieldLength: 1 },
  post: async (_, to) => ({ ...to, message: '' }),
  edit: async () => {},
  ...(show && { show }),
});

beforeAll(async () => {
  it = await startLive({ streamTimeoutMs: 5 * MINUTE, sessionExpiryMs: 2 * MINUTE });
  db = {
    ...it.world.deps.db,
    withOrg: (orgId, fn) => {
      queries += 1;
      return it.world.deps.db.withOrg(orgId, fn);
    },
  };
});
afterAll(() => it.stop());

test('for the web chat nothing is asked of the database', async () => {
  const progress = createProgress({ db, log, chat: { web: mouth('web') } });
  const run = await it.begin();
  queries = 0;
  await progress.whileWorking({ orgId: it.ana.orgId, runId: run.runId, platform: 'web' }, () => after(5));
  await progress.show({ orgId: it.ana.orgId, runId: run.runId });
  const both = createProgress({ db, log, chat: { web: mouth('web'), slack: mouth('slack', async () => {}) } });
  await both.show({ orgId: it.ana.orgId, runId: run.runId, platform: 'web' });
  await both.whileWorking({ orgId: it.ana.orgId, runId: run.runId, platform: 'web' }, () => after(5));
  expect(queries).toBe(0);
});

test('a platform that is slow or fails holds nothing up', async () => {
  const run = await it.begin();
  const of = { orgId: it.ana.orgId, runId: run.runId, platform: 'slack' as const };
  const slow = createProgress({ db, log, chat: { slack: mouth('slack', () => new Promise(() => {})) } });
  const begun = performance.now();
  expect(await slow.whileWorking(of, async () => 'done')).toBe('done');
  expect(performance.now() - begun).toBeLessThan(200);
  await slow.show(of);
  expect(performance.now() - begun).toBeLessThan(1_500);
  const failing = createProgress({ db, log, chat: { slack: mouth('slack', () => Promise.reject(new Error('no'))) } });
  await failing.show(of);
  await expect(failing.whileWorking(of, () => Promise.reject(new Error('the work failed')))).rejects.toThrow(
    'the work',
  );
});

test('what is new while something is shown is shown after it, in one go', async () => {
  const run = await it.begin();
  const of = { orgId: it.ana.orgId, runId: run.runId, platform: 'slack' as const };
  const shown: RunProgress[] = [];
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  const show = async (_: string, now: RunProgress) => {
    shown.push(now);
    await gate;
  };
  const progress = createProgress({ db, log, chat: { slack: mouth('slack', show) } });
  const first = progress.show(of);
  await until('it shows', async () => shown.length === 1);
  await run.works('Reading');
  const others = [progress.show(of), progress.show(of), progress.show(of)];
  open();
  await Promise.all([first, ...others]);
  expect(shown.map(({ text }) => text)).toEqual(['Thinking', 'Reading']);
});

test('a model that thinks for six minutes: the session never fades, no stream is cut, and the thread ends right', async () => {
  const times = { pauseMs: MINUTE / 50, quietMs: MINUTE / 8, keepAliveMs: 1.4 * MINUTE, burstMs: 3.5 * MINUTE };
  const live = createLive({ db, slack: it.api, log, times });
  const progress = createProgress({ db, log, chat: { slack: mouth('slack', live) } }, { everyMs: MINUTE / 12 });
  const run = await it.begin();
  const of = { orgId: it.ana.orgId, runId: run.runId, platform: 'slack' as const };
  await progress.whileWorking(of, () => after(6 * MINUTE));
  expect(run.session()).toBe('processing');
  await run.answers();
  await progress.show(of);
  await until('it is closed', async () => (await run.row())?.['closed_at']);
  const history = it.slack.sessionHistory(run.thread.channel, run.thread.thread).map(({ status }) => status);
  expect(history).not.toContain('expired');
  expect(history.at(-1)).toBe('active');
  const [stream, ...others] = run.said();
  expect(others).toEqual([]);
  expect(stream?.['streaming_state'] ?? 'completed').toBe('completed');
  expect(JSON.stringify(stream)).toContain('Finished');
  expect(JSON.stringify(stream)).not.toMatch(/in_progress|pending/);
  expect(it.slack.calls().filter(({ answer }) => answer?.includes('not_in_streaming_state'))).toEqual([]);
});
