import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isMet, type Line } from './figures.ts';

/** Git ignores this folder. */
const FILE = path.resolve(import.meta.dirname, '../.data/bench/latest.json');

/** The lines as a table for people. */
export function asTable(lines: readonly Line[]): string {
  const rows = lines.map((line) => {
    const met = isMet(line);
    return [
      line.what,
      `${show(line.value)} ${line.unit}`.trim(),
      aimOf(line),
      met === null ? '' : met ? 'met' : 'NOT met',
    ];
  });
  const all = [['what', 'value', 'aim', ''], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const pad = (row: string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return all.map((row) => pad(row).trimEnd()).join('\n');
}

const show = (value: number): string =>
  Number.isInteger(value)
    ? String(value)
    : value < 10
      ? value.toFixed(2)
      : value < 100
        ? value.toFixed(1)
        : value.toFixed(0);
const aimOf = ({ aim }: Line): string => (aim ? ('most' in aim ? `≤ ${aim.most}` : `≥ ${aim.least}`) : '');

/** Keeps the lines for other programs; the file's path. */
export async function keep(lines: readonly Line[], about: object): Promise<string> {
  await mkdir(path.dirname(FILE), { recursive: true });
  const kept = { ...about, lines: lines.map((line) => ({ ...line, met: isMet(line) })) };
  await writeFile(FILE, `${JSON.stringify(kept, null, 2)}\n`);
  return path.relative(process.cwd(), FILE);
}
