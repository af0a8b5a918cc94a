import { sql } from 'drizzle-orm';
import { newId } from '#core/ids.ts';
import type { Database } from '#db/client.ts';
import { readRun, type Run } from '#db/runs.ts';
import { runs, threads } from '#db/schema/index.ts';
import { addMessage, nextRunNumber } from '#db/threads.ts';

type Asker = { orgId: string; memberId: string };

/** A thread of so many messages: requests of one person, all done, and their answers in turn. For thousands, analyze the tables afterwards. */
export async function addThread(
  db: Database,
  by: Asker,
  count: number,
  words = 'Tell me about order',
): Promise<string> {
  const { orgId, memberId } = by;
  const threadId = newId();
  await db.withOrg(orgId, async ({ tx }) => {
    await tx.insert(threads).values({
      id: threadId,
      orgId,
      platform: 'web',
      tenant: orgId,
      channel: 'web',
      thread: threadId,
      title: 'A long thread',
      createdBy: memberId,
      lastSeq: count,
      lastRunNumber: Math.ceil(count / 2),
      updatedAt: new Date(),
    });
    const runId = sql`md5(${threadId} || (seq + 1) / 2)::uuid`;
    await tx.execute(sql`insert into messages (id, org_id, thread_id, seq, role, text, member_id, run_id, created_at)
      select gen_random_uuid(), ${orgId}, ${threadId}, seq, case when seq % 2 = 1 then 'user' else 'assistant' end,
        case when seq % 2 = 1 then ${words} || ' ' || seq || ', with its lines, please.'
          else 'Order ' || seq - 1 || ' has three lines and is still open. It was placed on Monday by the usual customer.' end,
        case when seq % 2 = 1 then ${memberId}::uuid end, ${runId}, now() - interval '1 hour' from generate_series(1, ${count}) seq`);
    await tx.execute(sql`insert into runs (id, org_id, thread_id, message_id, number, seq, requested_by, status, next_start_at, ended_at, created_at)
      select run_id, org_id, thread_id, id, (seq + 1) / 2, seq, member_id, 'done', now(), now(), created_at from messages
      where org_id = ${orgId} and thread_id = ${threadId} and role = 'user'`);
  });
  return threadId;
}

/** Somebody asks in the thread: the run that would answer. */
export const askIn = (db: Database, by: Asker, threadId: string, text = 'And now?'): Promise<Run> =>
  db.withOrg(by.orgId, async (org) => {
    const { id: messageId, seq } = await addMessage(org, threadId, { role: 'user', text, memberId: by.memberId });
    const id = newId();
    const number = await nextRunNumber(org, threadId);
    await org.tx.insert(runs).values({
      id,
      orgId: org.id,
      threadId,
      messageId,
      number,
      seq,
      requestedBy: by.memberId,
      nextStartAt: new Date(),
      // After every summary there is, as it is for people.
      createdAt: sql`clock_timestamp() + interval '2 milliseconds'` as never,
    });
    return readRun(org, id);
  });
