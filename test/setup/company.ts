import postgres from 'postgres';
import { newId } from '#core/ids.ts';
import { createApiKey } from '#db/api-keys.ts';
import { createOrg } from '#web/seed.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { createApi, type Answer, type Api } from './api.ts';
import { startTestProduct, type TestProduct } from './product.ts';
import { until } from './until.ts';

export type Colleague = Awaited<ReturnType<TestProduct['join']>>;
export type Asked = Awaited<ReturnType<TestProduct['approvalOf']>>;

/** The product at work: an ERP that is connected, Ana who owns it all, Bo the admin, and a way past row-level security. */
export interface Company extends TestProduct {
  erp: Erp;
  bo: Colleague;
  sql: postgres.Sql;
  /** Somebody asks for an invoice; the approval that then waits. */
  propose(
    number: string,
    options?: { by?: Api; threadId?: string; connection?: string },
  ): Promise<{ runId: string; threadId: string; approval: Asked }>;
  decide(by: Api, approval: Asked, decision?: 'approve' | 'deny', comment?: string): Promise<Answer>;
  /** The ledger's row of the run, once it has one of the states. */
  effectIs(runId: string, ...states: string[]): Promise<EffectRow>;
  /** The assistant's last words in a thread. */
  answerIn(threadId: string): Promise<string>;
  /** Does something while the run cannot go on, between a decision and its use: it has to edit the card first, and that row is locked. */
  beforeUse(approvalId: string, act: (sql: postgres.TransactionSql) => Promise<unknown>): Promise<void>;
  /** Connects another system; the connection's id. */
  connect(erp: Erp, name: string, options?: { declaresKey?: boolean }): Promise<string>;
  /** An invoice is asked for and approved, and the system holds its answer. */
  sendAndHold(
    number: string,
    options?: { connection?: string; erp?: Erp },
  ): Promise<{ runId: string; threadId: string; release: Held['release'] }>;
  /** Lets the lease of the run's effect end now, instead of after 30 s (RULES E4). */
  endLease(runId: string): Promise<unknown>;
  /** The owner of another org. */
  stranger(): Promise<Api>;
  audited(action: string, targetId: string): Promise<Record<string, unknown>[]>;
}
export interface EffectRow {
  id: string;
  state: string;
  attempts: number;
  error: string | null;
  external_id: string | null;
  resolution: string | null;
}

export async function startCompany({
  egress = [],
  env = {},
}: {
  /** Other systems it may reach. */ egress?: readonly Erp[];
  env?: Record<string, string>;
} = {}): Promise<Company> {
  const erp = await startErp({ honoursKey: true });
  const allowed = [erp, ...egress].map(({ hostPort }) => hostPort).join(',');
  const it = await startTestProduct({ ABETWORKS_EGRESS_ALLOW: allowed, ...env });
  const sql = postgres(it.database.adminUrl, { max: 4, onnotice: () => {} });
  // Journeys leave much waiting for a decision.
  await sql`update orgs set settings = settings || '{"activeRunsPerMember": 1000}'`;
  const connect: Company['connect'] = async (other, name, { declaresKey = true } = {}) => {
    const { status, body } = await it.ana.post('/api/v1/connections', erpConnection(other, { name, declaresKey }));
    if (status !== 201) throw new Error(`not connected: ${JSON.stringify(body)}`);
    return body.id;
  };
  await connect(erp, 'ERP');
  const bo = await it.join('Bo', 'admin');
  const propose: Company['propose'] = async (number, { by = it.ana, threadId, connection = 'ERP' } = {}) => {
    const asked = await it.ask(by, `post invoice ${number} over 4200 EUR to the ${connection}`, threadId);
    return { ...asked, approval: await it.approvalOf(it.ana, asked.runId) };
  };
  const decide: Company['decide'] = (by, { id, payloadSha256 }, decision = 'approve', comment) =>
    by.post(`/api/v1/approvals/${id}/decision`, { decision, payloadSha256, ...(comment ? { comment } : {}) });
  return {
    ...it,
    erp,
    bo,
    sql,
    propose,
    decide,
    effectIs: (runId, ...states) =>
      until(`effect is ${states.join(' or ')}`, async () => {
        const [row] = await sql<EffectRow[]>`select * from effects where run_id = ${runId}`;
        if (row && states.includes(row.state)) return row;
        throw new Error(row ? `${row.state}: ${row.error}` : 'no effect yet');
      }),
    answerIn: async (threadId) =>
      (await it.messagesOf(it.ana, threadId)).findLast(({ role }) => role === 'assistant')?.text ?? '',
    beforeUse: async (approvalId, act) => {
      await until(
        'the card is posted',
        async () => (await sql`select 1 from approval_cards where approval_id = ${approvalId}`)[0],
      );
      await sql.begin(async (tx) => {
        await tx`select 1 from approval_cards where approval_id = ${approvalId} for update`;
        await act(tx);
      });
    },
    connect,
    sendAndHold: async (number, { connection = 'ERP', erp: other = erp } = {}) => {
      const held = holdWrites(other);
      const { approval, ...asked } = await propose(number, { connection });
      const { status, body } = await decide(bo, approval);
      if (status !== 200) throw new Error(`not approved: ${JSON.stringify(body)}`);
      await held.arrived;
      return { ...asked, release: held.release };
    },
    endLease: (runId) =>
      sql`update effects set lease_until = now() - interval '1 second' where run_id = ${runId} and lease_until is not null`,
    stranger: async () => {
      const { orgId, ownerId } = await createOrg(it.db, 'Other', `owner.${newId()}@other.test`);
      const { key } = await it.db.withOrg(orgId, (org) =>
        createApiKey(org, { memberId: ownerId, createdBy: ownerId, name: 'test' }),
      );
      return createApi(it.url, key);
    },
    audited: (action, targetId) =>
      sql`select details from audit_log where action = ${action} and target_id = ${targetId}`,
    stop: async () => {
      await it.stop();
      await sql.end();
      await erp.stop();
    },
  };
}

type Behave = NonNullable<Parameters<Erp['behave']>[0]>;
type Held = ReturnType<typeof holdWrites>;

/** Makes the ERP keep the next writes waiting; `release` answers them, by default as usual. */
export function holdWrites(erp: Erp) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const held: (() => void)[] = [];
  let answer: Behave | null = null;
  erp.behave((received, response) => {
    if (received.method !== 'POST') return erp.create(received, response);
    held.push(() => (answer ?? erp.create)(received, response));
    resolve();
  });
  return {
    arrived: promise,
    release: (how: typeof answer = null) => {
      answer = how;
      erp.behave(null);
      for (const letGo of held.splice(0)) letGo();
    },
  };
}

export const postsOf = (erp: Erp, number: string) => erp.posts().filter(({ body }) => body.includes(number));
export const invoicesOf = (erp: Erp, number: string) => erp.invoices.filter(({ body }) => body.includes(number));
/** The idempotency keys an invoice was sent under. */
export const keysOf = (erp: Erp, number: string) =>
  new Set(postsOf(erp, number).map(({ headers }) => headers['idempotency-key']));

/** An answer that leaves open what happened. */
export const broken: Behave = (_, response) => void response.writeHead(500).end('{"error":"boom"}');
