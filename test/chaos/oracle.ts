import type { Facts } from './facts.ts';
import { isUnclear, type Job } from './points.ts';

/** What the other side knows about a request: the ERP's ledger and the model's count. */
export interface Outside {
  /** The Idempotency-Key of every POST about it. */
  posts: readonly string[];
  /** How many of them had come before a person said what became of the first. */
  postsBeforeAnswer: number;
  /** The ids of the invoices made. */
  invoices: readonly string[];
  modelCalls: number;
}

/** No run is stuck longer than this after a restart. */
export const RECOVERY_LIMIT_MS = 60_000;

/** What went wrong with one request, a sentence each; empty when nothing was lost, doubled or stuck. `restartedAt` in ms. */
export function judge(job: Job, facts: Facts, outside: Outside, restartedAt: number): string[] {
  if (facts.runs.length === 0) return [`${job.number}: lost: no run`];
  const problems: string[] = [];
  const expect = (isSo: boolean, problem: string): void => {
    if (!isSo) problems.push(`${job.number}: ${problem}`);
  };
  const [run] = facts.runs;
  const [effect] = facts.effects;
  const [invoice] = outside.invoices;

  expect(facts.runs.length <= 1, `doubled: ${facts.runs.length} runs`);
  expect(run?.status === 'done', `stuck or failed: ${run?.status} (${run?.statusText})`);
  const tookMs = (run?.endedAt?.getTime() ?? Infinity) - restartedAt;
  expect(tookMs <= RECOVERY_LIMIT_MS, `stuck: ended ${tookMs} ms after the restart`);

  expect(outside.invoices.length > 0, 'lost: the ERP has no invoice');
  expect(outside.invoices.length <= 1, `doubled: ${outside.invoices.length} invoices`);
  expect(new Set(outside.posts).size === 1, `sent under ${new Set(outside.posts).size} keys`);
  if (job.kind === 'keyless') {
    expect(outside.postsBeforeAnswer <= 1, `blind resend: ${outside.postsBeforeAnswer} POSTs before a person answered`);
    // Only an answer of "not sent" sends again.
    const allowed = isUnclear(job) && !job.isMade ? 2 : 1;
    expect(outside.posts.length === allowed, `${outside.posts.length} POSTs, not ${allowed}`);
  }

  expect(facts.approvals.length === 1, `${facts.approvals.length} approvals`);
  expect(facts.votes.length === 1, `${facts.votes.length} votes`);
  expect(facts.decisions.length === 1, `decided ${facts.decisions.length} times`);
  expect(
    facts.calls.length === 1 && facts.calls[0]?.status === 'done',
    `${facts.calls.length} tool calls, ${facts.calls[0]?.status}`,
  );
  expect(facts.effects.length === 1, `${facts.effects.length} effects`);
  expect(facts.approvals[0]?.usedBy === effect?.id, 'the approval was not used by this effect');
  const isAnswered = job.kind === 'keyless' && isUnclear(job);
  const settled = isAnswered && job.isMade ? 'resolved' : 'confirmed';
  expect(effect?.state === settled, `the effect is ${effect?.state}, not ${settled}`);
  expect(effect?.externalId === invoice, `the receipt says ${effect?.externalId}, the ERP ${invoice}`);
  expect(facts.answers.length === (isAnswered ? 1 : 0), `a person answered ${facts.answers.length} times`);

  expect(facts.replies.length === 1, `${facts.replies.length} replies`);
  expect(facts.posts.length === 1, `${facts.posts.length} replies in the chat`);
  expect(
    invoice !== undefined && facts.replies[0]?.text.includes(`id ${invoice}`) === true,
    'the reply has no receipt',
  );
  expect(
    facts.modelCalls.length >= outside.modelCalls,
    `${outside.modelCalls} model calls, ${facts.modelCalls.length} on record`,
  );
  return problems;
}
