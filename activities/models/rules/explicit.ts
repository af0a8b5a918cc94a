import type { KnownTool } from './tool.ts';

interface Explicit {
  name: string;
  /** Null when no tool has that name. */
  known: KnownTool | null;
  text: string;
}

/** `use <tool>: …`, `use <tool>` and `<tool> name=value …`: the person names the tool, so nothing is guessed. */
export function readExplicit(text: string, tools: readonly KnownTool[]): Explicit | null {
  const find = (name: string): KnownTool | null =>
    tools.find((known) => known.tool.name === name) ??
    tools.find((known) => known.tool.name.toLowerCase() === name.toLowerCase()) ??
    null;
  const used = /^(?:please\s{1,3})?use\s{1,3}`?([\w.-]{1,64})`?\s{0,3}(?:(:)\s*|with\s{1,3}|$)/i.exec(text);
  if (used) {
    const [head, name = '', colon] = used;
    const known = find(name);
    // "use it: …" names no tool; "use erp_nothing: …" names one that is not there.
    return known || (colon && name.includes('_')) ? { name, known, text: text.slice(head.length).trim() } : null;
  }
  const [head = '', name = ''] = /^`?([\w.-]{1,64})`?(?=\s|$)/.exec(text) ?? [];
  const known = name.includes('_') || text.includes('=') ? find(name) : null;
  return known && { name, known, text: text.slice(head.length).trim() };
}
