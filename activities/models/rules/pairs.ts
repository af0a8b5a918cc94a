import type { Json } from '#core/tools.ts';
import { findAliases } from './aliases.ts';
import type { Alias } from './aliases.ts';
import type { Page } from './page.ts';
import { readAs } from './read.ts';
import type { Slot } from './slots.ts';

interface Pair {
  slot: Slot;
  value: Json;
  start: number;
}

/** What was said as `name: value` or `name=value`. A value ends at the next name; a text also at a comma or line end, unless quoted. */
export function takePairs(page: Page, aliases: readonly Alias[], clock: () => Date): Pair[] {
  const heads = findAliases(page.text, aliases).flatMap((hit) => {
    const sign = /^`?\s{0,3}[:=]\s{0,3}/.exec(page.text.slice(hit.end, hit.end + 10));
    return sign ? [{ slot: hit.value.slot, start: hit.start, from: hit.end + sign[0].length }] : [];
  });
  return heads.flatMap(({ slot, start, from }, index): Pair[] => {
    const raw = page.text.slice(from, heads[index + 1]?.start ?? page.text.length);
    for (const said of readings(slot, raw)) {
      const read = readAs(slot, said, clock);
      if (!read.isRead) continue;
      page.take({ start, end: from + raw.indexOf(said) + said.length });
      return [{ slot, value: read.value, start }];
    }
    return [];
  });
}

/** The most likely extents of the value, best first. */
function readings(slot: Slot, raw: string): string[] {
  const quoted = /^\s*("[^"\n]*"|“[^”\n]*”|'[^'\n]*'|`[^`\n]*`)/.exec(raw)?.[1];
  if (quoted) return [quoted];
  const whole = raw.replace(/[\s,;]+(?:and\s+)?$/, '').trim();
  if (slot.kind === 'list' || slot.kind === 'json') return [whole];
  const line = (/^[^,;\n]*/.exec(whole)?.[0] ?? '').trim();
  if (slot.kind === 'text') return [line];
  const word = /^\S+/.exec(whole)?.[0] ?? '';
  return [whole, line, word.replace(/[,;.!?]+$/, '')];
}
