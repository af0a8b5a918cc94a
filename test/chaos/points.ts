import { until } from '#test/setup/until.ts';
import type { ErpKind } from './erps.ts';
import { ERP_NAMES, type ChaosGround } from './ground.ts';
import { readFacts, type Facts } from './facts.ts';

/** One request, and where the product is killed in it. */
export interface Job {
  /** The invoice's number: names the request in the model, the ERP and the database. */
  number: string;
  text: string;
  point: PointName;
  kind: ErpKind;
  /** What a person finds when they look at the ERP after an unclear send: whether the fake made it before the kill. */
  isMade: boolean;
}

interface Point {
  /** Brings the request to its point, or, for what needs Temporal to be away, near it. */
  begin(it: ChaosGround, job: Job): Promise<void>;
  /** The rest of the way, while Temporal cannot be reached. */
  whileCut?(it: ChaosGround, job: Job): Promise<void>;
  /** Whether the database, after the kill, shows that it was hit there. */
  isThere(facts: Facts): boolean;
}

export const newJob = (point: PointName, kind: ErpKind, round: string, isMade: boolean): Job => {
  const number = `${point.replaceAll(/\W+/g, '-')}.${kind}.${round}`;
  return { number, point, kind, isMade, text: `post invoice ${number} over 42 EUR to ${ERP_NAMES[kind]}` };
};

/** The kill points, in the order a request passes them. */
export const POINTS = {
  'stored, not started': {
    begin: async () => {},
    whileCut: async (it, job) => {
      askWithoutWaiting(it, job);
      await seen(it, job, ({ runs }) => runs.length === 1);
    },
    isThere: ({ runs }) => runs[0]?.startedAt === null,
  },
  'mid model call': {
    begin: async (it, job) => {
      it.model.before(job.number, 'first', forever);
      await ask(it, job);
      await until('the model is asked', async () => it.model.timesAsked(job.number) === 1);
    },
    isThere: ({ turns, modelCalls }) => turns.length === 0 && modelCalls.length === 1,
  },
  'approval waiting': {
    begin: askAndWait,
    isThere: ({ approvals }) => approvals[0]?.status === 'pending',
  },
  'approved, not signalled': {
    begin: askAndWait,
    whileCut: async (it, job) => {
      decideWithoutWaiting(it, await factsOf(it, job));
      await seen(it, job, isApproved);
    },
    isThere: ({ approvals, effects }) => approvals[0]?.signalledAt === null && effects.length === 0,
  },
  'approved, not sent': {
    begin: async (it, job) => {
      await askAndWait(it, job);
      const { calls } = await factsOf(it, job);
      const lock = await it.lock(
        (sql) => sql`select 1 from tool_calls where id = ${calls[0]?.id ?? ''} for no key update`,
      );
      await approve(it, job);
      await lock.isWaitedFor();
    },
    isThere: (facts) => isApproved(facts) && facts.effects.length === 0,
  },
  'sent, not answered': {
    begin: async (it, job) => {
      it.erps.behaveFor(job.number, { kind: 'silent', isMade: job.isMade });
      await askAndWait(it, job);
      await approve(it, job);
      await until('the ERP has it', async () => it.erps.postsOf(job.number).length === 1);
    },
    isThere: ({ effects }) => effects[0]?.state === 'intended',
  },
  'answered, not recorded': {
    begin: async (it, job) => {
      const held = Promise.withResolvers<{ isWaitedFor(): Promise<void> }>();
      const hold = async (effectId: string) =>
        held.resolve(await it.lock((sql) => sql`select 1 from effects where id = ${effectId} for no key update`));
      it.erps.behaveFor(job.number, { kind: 'late', until: hold });
      await askAndWait(it, job);
      await approve(it, job);
      await (await held.promise).isWaitedFor();
    },
    isThere: ({ effects }) => effects[0]?.state === 'intended',
  },
  'recorded, not replied': {
    begin: (it, job) =>
      untilLastAnswer(it, job, ({ threadId }) =>
        it.lock((sql) => sql`select 1 from threads where id = ${threadId} for no key update`),
      ),
    isThere: ({ effects, replies }) => effects[0]?.state === 'confirmed' && replies.length === 0,
  },
  'replied, not shown': {
    begin: (it, job) =>
      untilLastAnswer(it, job, ({ id, threadId }) =>
        // The same unique key, uncommitted: whoever writes it waits for us.
        it.lock(
          (sql) => sql`
            insert into web_posts (id, org_id, thread_id, key, content)
            select gen_random_uuid(), org_id, id, ${`reply:${id}`}, '{}' from threads where id = ${threadId}`,
        ),
      ),
    isThere: ({ effects, replies, posts }) =>
      effects[0]?.state === 'confirmed' && replies.length === 1 && posts.length === 0,
  },
} satisfies Record<string, Point>;
export type PointName = keyof typeof POINTS;
export const pointOf = (job: Job): Point => POINTS[job.point];

/** Where the ERP has seen the request, and the product does not know what came of it. */
export const isUnclear = ({ point }: Job): boolean =>
  point === 'sent, not answered' || point === 'answered, not recorded';

const forever = (): Promise<never> => new Promise(() => {});
const isApproved = ({ approvals }: Facts): boolean => approvals[0]?.status === 'approved';

async function factsOf(it: ChaosGround, job: Job): Promise<Facts> {
  const facts = (await readFacts(it.sql, [job.text])).get(job.text);
  if (!facts) throw new Error('nothing was read');
  return facts;
}

const seen = (it: ChaosGround, job: Job, isSo: (facts: Facts) => boolean): Promise<unknown> =>
  until(`${job.number} comes to its point`, async () => {
    const facts = await factsOf(it, job);
    if (isSo(facts)) return true;
    throw new Error(`${facts.runs[0]?.status}, ${facts.runs[0]?.statusText}; ${facts.replies[0]?.text}`);
  });

async function ask(it: ChaosGround, { text }: Job): Promise<void> {
  const asked = await it.ana.post('/api/v1/requests', { text });
  if (asked.status !== 202) throw new Error(`not accepted: ${JSON.stringify(asked.body)}`);
}

async function askAndWait(it: ChaosGround, job: Job): Promise<void> {
  await ask(it, job);
  // The card and its row are the last things written before the run waits.
  await seen(it, job, ({ approvals, runs }) => approvals[0]?.status === 'pending' && runs[0]?.status === 'waiting');
}

/** Whoever asks or decides now gets no answer before the kill: what counts is what was stored. */
const askWithoutWaiting = (it: ChaosGround, job: Job): void => void ask(it, job).catch(() => undefined);
const decideWithoutWaiting = (it: ChaosGround, facts: Facts): void => void decide(it, facts).catch(() => undefined);

/** Bo approves what the request waits for. */
export async function decide(it: ChaosGround, { approvals }: Facts): Promise<void> {
  const { id = '', payloadSha256 = '' } = approvals[0] ?? {};
  const decided = await it.bo.post(`/api/v1/approvals/${id}/decision`, { decision: 'approve', payloadSha256 });
  if (decided.status !== 200) throw new Error(`not decided: ${JSON.stringify(decided.body)}`);
}

const approve = async (it: ChaosGround, job: Job): Promise<void> => decide(it, await factsOf(it, job));

/** Lets the request go on to its end; before the model's last answer, takes the lock that the reply will need. */
async function untilLastAnswer(
  it: ChaosGround,
  job: Job,
  take: (run: Facts['runs'][number]) => ReturnType<ChaosGround['lock']>,
): Promise<void> {
  const held = Promise.withResolvers<{ isWaitedFor(): Promise<void> }>();
  it.model.before(job.number, 'last', async () => {
    const [run] = (await factsOf(it, job)).runs;
    if (run) held.resolve(await take(run));
  });
  await askAndWait(it, job);
  await approve(it, job);
  await (await held.promise).isWaitedFor();
  await seen(it, job, ({ turns }) => turns.length === 2);
}
