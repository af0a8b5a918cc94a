import { newId } from '#core/ids.ts';
import { p50, type Line } from './figures.ts';
import type { Ground } from './ground.ts';
import { ask } from './person.ts';

const [SHORT, LONG] = [10, 10_000];

/** The same question in a short and in a long thread, in turns. */
export async function measureThreads(ground: Ground, count: number): Promise<Line[]> {
  const short = await prepareThread(ground, SHORT);
  const long = await prepareThread(ground, LONG);
  const times = { short: [] as number[], long: [] as number[] };
  const once = async (threadId: string): Promise<number> => {
    const begun = performance.now();
    const { runId } = await ask(ground.ana, 'how are things?', threadId);
    const replied = await ground.watch.replied(runId);
    await ground.watch.ended(runId);
    return replied - begun;
  };
  // The first turn of a long thread may have to sum it up.
  for (const thread of [short, long]) await once(thread);
  for (let at = 0; at < count; at += 1) {
    times.short.push(await once(short));
    times.long.push(await once(long));
  }
  const ratio = p50(times.long) / p50(times.short);
  return [
    { what: `reply in a thread of ${SHORT} messages, p50`, value: p50(times.short), unit: 'ms' },
    { what: `reply in a thread of ${LONG} messages, p50`, value: p50(times.long), unit: 'ms' },
    { what: 'long thread ÷ short thread', value: ratio, unit: '×', aim: { most: 1.2 } },
  ];
}

/** A thread of the owner's with so many messages, as if people had talked for months; all were answered. */
async function prepareThread({ ana, watch, sql }: Ground, count: number): Promise<string> {
  const { runId, threadId } = await ask(ana, `a thread of ${count}, ${newId()}`);
  await watch.ended(runId);
  await sql.begin(async (tx) => {
    await tx`insert into messages (id, org_id, thread_id, seq, role, text, member_id)
      select gen_random_uuid(), t.org_id, t.id, t.last_seq + n, case n % 2 when 1 then 'user' else 'assistant' end,
        'Message ' || n || ' says what a message of middling length would say about invoices, customers and the weather of the day.',
        case n % 2 when 1 then t.created_by end
      from threads t, generate_series(1, ${count - 2}::int) n where t.id = ${threadId}`;
    await tx`update threads set last_seq = last_seq + ${count - 2} where id = ${threadId}`;
  });
  await sql`analyze messages`;
  return threadId;
}
