import type postgres from 'postgres';

/** Everything the database holds about one request, read past row-level security. */
export interface Facts {
  runs: {
    id: string;
    status: string;
    statusText: string | null;
    threadId: string;
    startedAt: Date | null;
    endedAt: Date | null;
  }[];
  turns: { number: number; kind: string }[];
  calls: { id: string; status: string }[];
  approvals: { id: string; status: string; payloadSha256: string; usedBy: string | null; signalledAt: Date | null }[];
  votes: { id: string }[];
  effects: { id: string; state: string; externalId: string | null }[];
  /** Assistant messages, and what the chat shows of them. */
  replies: { text: string }[];
  posts: { key: string }[];
  /** Rows of the usage ledger. */
  modelCalls: { id: string }[];
  /** What people did, by the audit: the effect row forgets an answer when it is sent again. */
  decisions: { action: string }[];
  answers: { action: string }[];
}

/** The facts about each text, which only one request may have asked. */
export async function readFacts(sql: postgres.Sql, texts: readonly string[]): Promise<Map<string, Facts>> {
  const asked = await sql<{ text: string; runId: string }[]>`
    select text, run_id as "runId" from messages where role = 'user' and text in ${sql(texts)} and run_id is not null`;
  const facts = new Map<string, Facts>();
  for (const text of texts)
    facts.set(
      text,
      await factsOf(
        sql,
        asked.filter((one) => one.text === text).map((one) => one.runId),
      ),
    );
  return facts;
}

async function factsOf(sql: postgres.Sql, runIds: readonly string[]): Promise<Facts> {
  const ofRun = sql`run_id = any(${runIds})`;
  const ofApproval = sql`(select id from approvals where ${ofRun})`;
  return {
    runs: await sql`select id, status, status_text as "statusText", thread_id as "threadId", started_at as "startedAt", ended_at as "endedAt" from runs where id = any(${runIds})`,
    turns: await sql`select number, kind from turns where ${ofRun} order by number`,
    calls: await sql`select id, status from tool_calls where ${ofRun}`,
    approvals:
      await sql`select id, status, payload_sha256 as "payloadSha256", used_by_effect_id as "usedBy", signalled_at as "signalledAt" from approvals where ${ofRun}`,
    votes: await sql`select id from approval_votes where approval_id in ${ofApproval}`,
    effects: await sql`select id, state, external_id as "externalId" from effects where ${ofRun}`,
    replies: await sql`select text from messages where ${ofRun} and role = 'assistant'`,
    posts: await sql`select key from web_posts where key = any(${runIds.map((id) => `reply:${id}`)})`,
    modelCalls: await sql`select id from model_calls where ${ofRun}`,
    decisions:
      await sql`select action from audit_log where action in ('approval.approved', 'approval.denied') and target_id in (select id::text from approvals where ${ofRun})`,
    answers:
      await sql`select action from audit_log where action = 'effect.resolved' and target_id in (select id::text from effects where ${ofRun})`,
  };
}
