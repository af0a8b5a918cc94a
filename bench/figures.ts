/** The value below which `share` (0 to 1) of the samples lie, by nearest rank; NaN without samples. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const p50 = (samples: readonly number[]): number => quantile(samples, 0.5);
export const p99 = (samples: readonly number[]): number => quantile(samples, 0.99);

export const total = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0);

/** One line of the report. Without an aim it only explains another one. */
export interface Line {
  what: string;
  value: number;
  unit: 'ms' | '×' | '/s' | 'MB' | '';
  aim?: { most: number } | { least: number };
}

export function isMet({ value, aim }: Line): boolean | null {
  if (!aim) return null;
  return 'most' in aim ? value <= aim.most : value >= aim.least;
}
