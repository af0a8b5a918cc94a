import postgres from 'postgres';
import { seedAudit } from './audit.ts';
import type { SeededOrg } from './orgs.ts';

/** Runs of one transaction. */
const BATCH = 20_000;
const PER_THREAD = 5;
/** The newest lies two days back, so that no cap of today counts what was never spent. */
const NEWEST_MS = 2 * 86_400_000;
const SPREAD_MS = 700 * 86_400_000;

/** How many of each hundred runs an org gets: a large one, a middle one, the rest small. */
const SHARES = [60, 30, 10];

/**
 * Adds `total` ended runs with what belongs to them (threads, messages, turns, model and tool calls; a tenth with an approval, a
 * seventh with an effect; chained audit rows), by the database itself and as the app role. `onBatch` is told how many there are.
 */
export async function seedRuns(
  url: string,
  orgs: readonly SeededOrg[],
  total: number,
  onBatch: (done: number) => void = () => {},
): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connection: { application_name: 'abetworks seed' } });
  let done = 0;
  try {
    for (const [at, org] of orgs.entries()) {
      const isLast = at === orgs.length - 1;
      const wanted = isLast ? total - done : Math.floor((total * (SHARES[at] ?? 0)) / 100);
      for (let from = 0; from < wanted; from += BATCH) {
        const count = Math.min(BATCH, wanted - from);
        await seedBatch(sql, org, { from, count, stepMs: Math.max(1, Math.floor(SPREAD_MS / Math.max(1, wanted))) });
        done += count;
        onBatch(done);
      }
    }
    for (const table of TABLES) await sql`analyze ${sql(table)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}

const TABLES = [
  'threads',
  'messages',
  'runs',
  'turns',
  'model_calls',
  'tool_calls',
  'approvals',
  'effects',
  'audit_log',
  'members',
];

interface Part {
  from: number;
  count: number;
  stepMs: number;
}

const seedBatch = (sql: postgres.Sql, org: SeededOrg, part: Part): Promise<unknown> =>
  sql.begin(async (tx) => {
    await tx`select set_config('role', 'abw_app', true), set_config('app.org_id', ${org.orgId}, true)`;
    await tx`set local synchronous_commit = off`;
    await planBatch(tx, org, part);
    for (const statement of STATEMENTS) await tx.unsafe(statement.replaceAll(':org', `'${org.orgId}'::uuid`));
    await seedAudit(tx, org.orgId);
    await tx`drop table batch`;
  });

/** A row for each run to be: its ids, who asks, when, and how it ends. Times follow the order of the rows, as in life. */
async function planBatch(tx: postgres.TransactionSql, { memberIds }: SeededOrg, { from, count, stepMs }: Part) {
  const oldest = Date.now() - NEWEST_MS - SPREAD_MS;
  await tx`
    create temp table batch on commit drop as
    with numbered as (
      select n, n / ${PER_THREAD}::int as thread_n, n % ${PER_THREAD}::int as k,
        to_timestamp((${oldest}::bigint + n::bigint * ${stepMs}::bigint) / 1000.0) as at
      from generate_series(${from}::int, ${from + count - 1}::int) n
    ), threaded as (
      select *, min(at) over (partition by thread_n) as thread_at,
        (${tx.array(memberIds)}::uuid[])[1 + (hashint4(thread_n) & 65535) % ${memberIds.length}::int] as member_id,
        (hashint4(n) & 1048575) % 1000 as dice
      from numbered
    )
    select *,
      first_value(pg_temp_id) over (partition by thread_n order by n) as thread_id
    from (select *,
      ${idAt(tx)} as pg_temp_id, ${idAt(tx)} as run_id, ${idAt(tx)} as message_id, ${idAt(tx)} as reply_id,
      ${idAt(tx)} as call_id, ${idAt(tx)} as approval_id, ${idAt(tx)} as effect_id
      from threaded) named`;
}

// A UUIDv7 of the moment `at`: PostgreSQL 16 and 17 cannot make one.
const idAt = (tx: postgres.TransactionSql) => tx`
  (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
    || '8' || substr(md5(random()::text), 1, 15))::uuid`;

const TEXT = `(array['post invoice INV-','show the open orders of customer ','summarize ticket ','send the report ',
  'what was the total of month ','book travel ','refund payment '])[1 + dice % 7] || n || (array[' for Acme',' to the ERP',
  ' before noon',' and tell finance',''])[1 + dice % 5] || case when dice = 0 then ' zebra' || n / 1000 else '' end`;
const STATUS = `case when dice % 20 = 0 then 'failed' when dice % 33 = 0 then 'stopped' else 'done' end`;
const PLATFORM = `case when thread_n % 20 = 0 then 'discord' when thread_n % 4 = 1 then 'slack' else 'web' end`;
const PAYLOAD = `'{"arguments":{"amount":' || n || ',"number":"INV-' || n || '"},"attachments":[],"connection":null,"policyVersion":1,"request":null,"schemaSha256":"'
  || repeat('0', 64) || '","tool":"erp_createInvoice","v":1}'`;
const SHA = `encode(sha256(convert_to(${PAYLOAD}, 'UTF8')), 'hex')`;

const STATEMENTS = [
  `insert into threads (id, org_id, platform, tenant, channel, thread, title, created_by, last_seq, last_run_number, updated_at, created_at)
   select distinct on (thread_n) thread_id, :org, ${PLATFORM}, case when ${PLATFORM} = 'web' then (:org)::text else 'T' || (:org)::text end,
     case when ${PLATFORM} = 'web' then 'web' else 'C' || thread_n % 40 end, thread_id::text, left(${TEXT}, 80), member_id,
     2 * ${PER_THREAD}, ${PER_THREAD}, at, thread_at from batch order by thread_n, n`,
  `insert into messages (id, org_id, thread_id, seq, role, text, member_id, run_id, created_at)
   select message_id, :org, thread_id, 2 * k + 1, 'user', ${TEXT}, member_id, run_id, at from batch`,
  `insert into messages (id, org_id, thread_id, seq, role, text, run_id, created_at)
   select reply_id, :org, thread_id, 2 * k + 2, 'assistant', 'Done, as you asked.', run_id, at + interval '3 seconds' from batch`,
  `insert into runs (id, org_id, thread_id, message_id, number, seq, requested_by, status, status_text, taint, started_at, next_start_at,
     machine_ms, ended_at, created_at)
   select run_id, :org, thread_id, message_id, k + 1, 2 * k + 1, member_id, ${STATUS},
     case when ${STATUS} = 'failed' then 'The other side refused it.' end, case when dice % 10 = 3 then 'answer of ERP' end, at, at,
     900 + dice, at + make_interval(secs => 2 + dice / 100.0), at from batch`,
  `insert into turns (id, org_id, run_id, number, kind, text, provider, model, created_at)
   select ${rowId('1')}, :org, run_id, 1, 'reply', 'Done, as you asked.', 'anthropic', 'claude-haiku-5-5', at from batch`,
  `insert into model_calls (id, org_id, run_id, turn_number, provider, model, status, input_tokens, cached_input_tokens, output_tokens,
     cost_nanos, reserved_nanos, ended_at, created_at)
   select ${rowId('2')}, :org, run_id, 1, 'anthropic', 'claude-haiku-5-5', 'done', 1200 + dice, dice, 80 + dice % 100,
     case when dice % 50 <> 7 then 1500000 + dice * 1000 end, 0, at + interval '1 second', at from batch`,
  `insert into tool_calls (id, org_id, run_id, turn_number, call_number, tool, effect, input, status, result, started_at, ended_at, created_at)
   select call_id, :org, run_id, 1, 1, case when dice % 7 = 0 then 'erp_createInvoice' else 'erp_listOrders' end,
     case when dice % 7 = 0 then 'write' else 'read' end, '{"number":"INV-' || n || '"}', 'done', '{"ok":true}', at, at + interval '1 second', at
   from batch where dice % 7 = 0 or dice % 2 = 0`,
  `insert into approvals (id, org_id, run_id, thread_id, tool_call_id, tool, summary, payload, payload_sha256, requested_by, policy, reason,
     status, decided_by, decided_at, expires_at, signalled_at, created_at)
   select approval_id, :org, run_id, thread_id, call_id, 'erp_createInvoice', 'Create invoice INV-' || n || ' in ERP', ${PAYLOAD}, ${SHA}, member_id,
     jsonb_build_object('version', 1, 'roles', case when dice % 35 = 0 then '["owner","admin","member"]'::jsonb else '["owner","admin"]'::jsonb end,
       'members', '[]'::jsonb, 'requesterMayDecide', false), 'It writes.',
     case when dice % 21 = 0 then 'denied' else 'approved' end, member_id, at + interval '1 second', at + interval '1 day', at, at
   from batch where dice % 7 = 0 and dice % 3 <> 1`,
  `insert into effects (id, org_id, run_id, turn_number, call_number, tool_call_id, approval_id, tool, summary, payload, payload_sha256, state,
     attempts, external_id, receipt, confirmed_at, created_at)
   select effect_id, :org, run_id, 1, 1, call_id, case when dice % 3 <> 1 then approval_id end, 'erp_createInvoice', 'Create invoice INV-' || n || ' in ERP',
     ${PAYLOAD}, ${SHA}, case when dice % 30 = 4 then 'refused' else 'confirmed' end, 1, 'inv-' || n, '{"id":' || n || '}', at + interval '2 seconds', at
   from batch where dice % 7 = 0 and dice % 21 <> 0`,
];

/** Another id made from the run's own, so that rows of one run lie together. */
function rowId(digit: string): string {
  return `overlay(run_id::text placing '${digit}' from 20 for 1)::uuid`;
}
