import { verifyAudit } from '#db/audit.ts';
import { parseKeyRing } from '#core/keys.ts';
import { until } from '#test/setup/until.ts';
import { ERP_KINDS } from './erps.ts';
import { readFacts, type Facts } from './facts.ts';
import type { ChaosGround } from './ground.ts';
import { judge, type Outside } from './oracle.ts';
import { decide, isUnclear, newJob, pointOf, POINTS, type Job, type PointName } from './points.ts';

export interface Round {
  jobs: Job[];
  /** Requests that were not where they should be when the kill came: the round then proves nothing about them. */
  missed: string[];
  problems: string[];
  /** From the restart to the end of the slowest run. */
  slowest: { number: string; afterMs: number };
}

/**
 * One kill for all points and both kinds of ERP at once: each request is brought to its own point, the product is killed and started again, people
 * decide and answer what they are asked, and the oracle looks at what came out.
 */
export async function playRound(
  it: ChaosGround,
  { round, alsoTemporal, isMade }: { round: string; alsoTemporal: boolean; isMade: boolean },
): Promise<Round> {
  const names = Object.keys(POINTS) as PointName[];
  // Between them, the two unclear points always see both answers of a person.
  const madeAt = (point: PointName): boolean => point === 'answered, not recorded' || isMade;
  const jobs = names.flatMap((point) => ERP_KINDS.map((kind) => newJob(point, kind, round, madeAt(point))));

  await Promise.all(jobs.map((job) => pointOf(job).begin(it, job)));
  it.wire.cut();
  await Promise.all(jobs.map(async (job) => pointOf(job).whileCut?.(it, job)));
  await it.kill({ alsoTemporal });
  const hit = await factsOf(it, jobs);
  const missed = jobs.filter((job) => !pointOf(job).isThere(hit(job))).map(({ number }) => number);

  const restartedAt = await it.restart();
  const postsBeforeAnswer = await letPeopleAct(it, jobs);
  const ended = await factsOf(it, jobs);
  const outsideOf = ({ number }: Job): Outside => {
    const posts = it.erps.postsOf(number);
    return {
      posts,
      postsBeforeAnswer: postsBeforeAnswer.get(number) ?? posts.length,
      invoices: it.erps.invoicesOf(number),
      modelCalls: it.model.timesAsked(number),
    };
  };
  const problems = jobs.flatMap((job) => judge(job, ended(job), outsideOf(job), restartedAt));
  const tookMs = (job: Job): number => (ended(job).runs[0]?.endedAt?.getTime() ?? Infinity) - restartedAt;
  const [slowest] = jobs
    .map((job) => ({ number: job.number, afterMs: tookMs(job) }))
    .sort((a, b) => b.afterMs - a.afterMs);
  return { jobs, missed, problems, slowest: slowest ?? { number: '', afterMs: 0 } };
}

async function factsOf(it: ChaosGround, jobs: readonly Job[]): Promise<(job: Job) => Facts> {
  const facts = await readFacts(
    it.sql,
    jobs.map(({ text }) => text),
  );
  return ({ text }) => {
    const found = facts.get(text);
    if (!found) throw new Error(`nothing was read about ${text}`);
    return found;
  };
}

const GIVE_UP_AFTER_MS = 90_000;

/** Bo approves what waits and answers what is unclear, as it comes up, until every run has ended. How often the ERP had been asked before each answer. */
async function letPeopleAct(it: ChaosGround, jobs: readonly Job[]): Promise<Map<string, number>> {
  const before = new Map<string, number>();
  const isOver = async (): Promise<boolean> => {
    const now = await factsOf(it, jobs);
    for (const job of jobs) {
      const facts = now(job);
      if (facts.approvals[0]?.status === 'pending') await decide(it, facts);
      const [effect] = facts.effects;
      if (effect?.state !== 'ambiguous' || !isUnclear(job)) continue;
      before.set(job.number, it.erps.postsOf(job.number).length);
      const [invoice] = it.erps.invoicesOf(job.number);
      const answer = job.isMade ? { outcome: 'sent', externalId: invoice } : { outcome: 'not_sent' };
      const answered = await it.bo.post(`/api/v1/effects/${effect.id}/resolution`, answer);
      if (answered.status !== 200) throw new Error(`not answered: ${JSON.stringify(answered.body)}`);
    }
    return jobs.every((job) => now(job).runs[0]?.endedAt);
  };
  // What is still open then, the oracle names.
  await until('every run ends', isOver, GIVE_UP_AFTER_MS).catch(() => undefined);
  return before;
}

/** Whether the audit chain of the org is whole. */
export async function verifyChain(it: ChaosGround) {
  const keys = parseKeyRing(it.ground.env['ABETWORKS_KEYS'] ?? '');
  const [org] = await it.sql<{ id: string }[]>`select id from orgs`;
  return it.ground.database.db.withSystem('verify the audit', (tx) => verifyAudit(tx, org?.id ?? '', keys));
}
