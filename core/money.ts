/** Money is nano-USD (1e-9 USD) as a whole number: safe to 9 million USD in a JavaScript number. */
export const nanosFromUsd = (usd: number): number => Math.round(usd * 1e9);

/** "$0.0042"; an unknown price is said to be unknown, never shown as 0. */
export function formatCost(nanos: number | null): string {
  if (nanos === null) return 'cost unknown';
  if (nanos === 0) return '$0';
  const usd = nanos / 1e9;
  return usd < 0.01 ? `$${usd.toPrecision(2)}` : `$${usd.toFixed(2)}`;
}
