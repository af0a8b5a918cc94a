import { Worker, type ReplayWorkerOptions } from '@temporalio/worker';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { installRuntime } from '#activities/worker.ts';
import { workflowBundle } from '#scripts/start/bundle.ts';
import { historyKeys } from '#test/histories/keys.ts';
import { decoded } from '#test/setup/histories.ts';
import { createDataConverter } from '#workflows/data-converter.ts';

// Runs that are under way when a new version is deployed go on with its code: each kind was recorded by `npm run record:histories`.
const folder = path.resolve('test/histories');
const names = (await readdir(folder)).filter((name) => name.endsWith('.json')).map((name) => name.replace('.json', ''));
const dataConverter = createDataConverter(historyKeys);
let codePath: string;
let scratch: string;

beforeAll(async () => {
  // What the replayer says about the workflows that are wrong on purpose.
  installRuntime(pino({ level: 'silent' }));
  ({ codePath } = await workflowBundle(inject('temporal').cache));
  scratch = await mkdtemp(path.join(tmpdir(), 'abetworks-replay-'));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

const read = async (name: string): Promise<{ workflowId: string; history: unknown }> =>
  JSON.parse(await readFile(path.join(folder, `${name}.json`), 'utf8'));

async function replay(name: string, options: Partial<ReplayWorkerOptions> = {}): Promise<void> {
  const { workflowId, history } = await read(name);
  await Worker.runReplayHistory({ workflowBundle: { codePath }, dataConverter, ...options }, history, workflowId);
}

test('every kind of run was recorded', () => {
  const early = ['ambiguous-cards-first', 'approved-cards-first', 'denied-cards-first'];
  const now = ['ambiguous', 'approved', 'denied', 'parked', 'read', 'reply', 'stopped'];
  expect(names.toSorted()).toEqual([...early, ...now].toSorted());
});

test.each(names)('a recorded run (%s) goes on with the workflow as it is now', async (name) => {
  await expect(replay(name)).resolves.toBeUndefined();
});

test.each([
  [
    'asks people twice',
    'approved',
    'const { approvalId } = await requestApproval(',
    'await requestApproval({ ...run, toolCallId }); const { approvalId } = await requestApproval(',
  ],
  ['does not wait for the card, as it did', 'denied-cards-first', 'await updateCards(', 'void ('],
  ['forgets to edit the card', 'denied', 'return editBeside(approvalId)', 'return'],
  ['posts no reply', 'reply', 'await postReply(', 'void ('],
  ['does not wait while a server is down', 'parked', 'await woken(seen, ended.againInMs)', 'void 0'],
  ['asks about the effect after it waits', 'ambiguous', 'await askAboutEffect(', 'void ('],
])('a workflow that %s does not pass for the same', async (_, name, from, to) => {
  const code = await readFile(codePath, 'utf8');
  const changed = code.replaceAll(from, () => to);
  expect(changed).not.toBe(code);
  const changedPath = path.join(scratch, `${name}.js`);
  await writeFile(changedPath, changed);
  await expect(replay(name, { workflowBundle: { codePath: changedPath } })).rejects.toThrow(
    /[Nn]ondeterminism|[Dd]eterminism/,
  );
});

test('the recordings name no machine and no folder', async () => {
  const [codec] = dataConverter.payloadCodecs ?? [];
  if (!codec) throw new Error('no codec');
  for (const name of names) {
    const { history } = await read(name);
    const parsed = historyFromJSON(history);
    const texts = await decoded(parsed, codec);
    expect(texts.length).toBeGreaterThan(4);
    expect(`${texts.join('\n')}${JSON.stringify(history)}`).not.toMatch(/node_modules|file:\/\/|[0-9]+@/);
  }
});
