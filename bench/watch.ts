import postgres from 'postgres';

/** When something was committed, on this process's clock (performance.now). */
export interface Watch {
  replied(runId: string): Promise<number>;
  /** The approval card was stored. */
  carded(runId: string): Promise<number>;
  ended(runId: string): Promise<number>;
  stop(): Promise<void>;
}

type Kind = 'replied' | 'carded' | 'ended';
const WITHIN_MS = 60_000;

/**
 * Learns of commits from the database itself: triggers of the bench's own NOTIFY with the product's commit, so nothing is polled and the product
 * is not asked. `adminUrl` is the superuser's.
 */
export async function startWatch(adminUrl: string): Promise<Watch> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe(TRIGGERS);
  const happened = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  await sql.listen('bench', (what) => {
    const at = performance.now();
    happened.set(what, at);
    waiting.get(what)?.(at);
  });
  const when = (kind: Kind, runId: string): Promise<number> => {
    const what = `${kind} ${runId}`;
    const at = happened.get(what);
    if (at !== undefined) return Promise.resolve(at);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not within a minute: ${what}`)), WITHIN_MS);
      waiting.set(what, (at) => {
        clearTimeout(timer);
        waiting.delete(what);
        resolve(at);
      });
    });
  };
  return {
    replied: (runId) => when('replied', runId),
    carded: (runId) => when('carded', runId),
    ended: (runId) => when('ended', runId),
    stop: () => sql.end({ timeout: 1 }),
  };
}

// One function each: a trigger's row has other columns in each table.
const TRIGGERS = `
create function bench_replied() returns trigger language plpgsql as
  $$ begin perform pg_notify('bench', 'replied ' || new.run_id); return null; end $$;
create trigger bench_replied after insert on messages for each row when (new.role = 'assistant' and new.run_id is not null)
  execute function bench_replied();
create function bench_ended() returns trigger language plpgsql as
  $$ begin perform pg_notify('bench', 'ended ' || new.id); return null; end $$;
create trigger bench_ended after update on runs for each row when (old.ended_at is null and new.ended_at is not null)
  execute function bench_ended();
create function bench_carded() returns trigger language plpgsql as
  $$ begin perform pg_notify('bench', 'carded ' || a.run_id) from approvals a where a.id = new.approval_id; return null; end $$;
create trigger bench_carded after insert on approval_cards for each row execute function bench_carded();
`;
