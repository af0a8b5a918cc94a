import { Context } from '@temporalio/activity';

const EVERY_MS = 1_000;

/**
 * Runs `fn` with a heartbeat by timer (RULES R6): a dead worker is noticed within 15 s, and a cancellation reaches `signal` within about a second.
 * `onBeat` renews what the activity holds; its failure is left to the next beat.
 */
export async function withHeartbeat<T>(
  fn: (signal: AbortSignal) => Promise<T>,
  onBeat?: () => Promise<unknown>,
): Promise<T> {
  const { heartbeat, cancellationSignal } = Context.current();
  let beats = 0;
  const timer = setInterval(() => {
    heartbeat();
    beats += 1;
    if (onBeat && beats % 10 === 0) void onBeat().catch(() => undefined);
  }, EVERY_MS);
  try {
    return await fn(cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}

/** An activity that heartbeats while it runs. */
export const beating =
  <A extends unknown[], R>(activity: (...args: A) => Promise<R>) =>
  (...args: A): Promise<R> =>
    withHeartbeat(() => activity(...args));
