import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { reconnectAfter, type Org } from './client.ts';

/** What changed, ids only (RULES S3). */
export interface Change {
  orgId: string;
  threadId?: string;
  runId?: string;
  approvalId?: string;
  connectionId?: string;
}

/** Tells live pages after commit: pg_notify is delivered with the transaction, or not at all. */
export const notify = (org: Org, change: Omit<Change, 'orgId'>): Promise<unknown> =>
  org.tx.execute(sql`select pg_notify('abw', ${JSON.stringify({ orgId: org.id, ...change })})`);

/** Holds one LISTEN connection. `onLost` is called on every reconnect, since changes may have been missed. */
export async function listen(
  url: string,
  onChange: (change: Change) => void,
  onLost: () => void,
): Promise<() => Promise<void>> {
  const connection = { application_name: 'abetworks listen' };
  const client = postgres(url, { max: 1, onnotice: () => {}, connection, backoff: reconnectAfter });
  await client.listen('abw', (text) => onChange(JSON.parse(text) as Change), onLost);
  return () => client.end({ timeout: 1 });
}
