/** Tool names reach models and must be at most 64 characters of `[A-Za-z0-9_-]` (RULES S5): slug + `_` + action. */
export const TOOL_NAME_LENGTH = 64;
const SLUG_LENGTH = 20;
export const ACTION_NAME_LENGTH = TOOL_NAME_LENGTH - SLUG_LENGTH - 1;

/** The start of a connection's tool names: "My ERP" → "my-erp". Names without a Latin letter or digit give "connection". */
export const slugOf = (name: string): string =>
  ascii(name)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, SLUG_LENGTH)
    .replaceAll(/^-+|-+$/g, '') || 'connection';

/** Keeps `[A-Za-z0-9_-]`: "List pets!" → "List_pets". Empty when nothing is left. */
export const cleanName = (text: string): string =>
  ascii(text.slice(0, 300))
    .replaceAll(/[^A-Za-z0-9_-]+/g, '_')
    .replaceAll(/_{2,}/g, '_')
    .replaceAll(/^[_-]+|[_-]+$/g, '')
    .slice(0, ACTION_NAME_LENGTH);

/** An argument's name as models may be given it: `filter[status]` → "filter_status". Dots stay. */
export const argumentName = (text: string): string =>
  ascii(text.slice(0, 300))
    .replaceAll(/[^A-Za-z0-9_.-]+/g, '_')
    .replaceAll(/^[_.-]+|[_.-]+$/g, '')
    .slice(0, 60) || 'value';

/** The name, or the name with the first free `_2`, `_3`, … within `max` characters; adds it to `taken`. Names differ by more than case. */
export function uniqueName(name: string, taken: Set<string>, max: number): string {
  for (let count = 1; ; count++) {
    const suffix = count === 1 ? '' : `_${count}`;
    const candidate = name.slice(0, max - suffix.length) + suffix;
    if (taken.has(candidate.toLowerCase())) continue;
    taken.add(candidate.toLowerCase());
    return candidate;
  }
}

/** "createInvoice_v2" → "Create invoice v2". */
export function humanise(name: string): string {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '')
    .map((word) => (/^[A-Z]{2,}$/.test(word) ? word : word.toLowerCase()));
  const text = words.join(' ');
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Letters without their marks, so that "Crédit" keeps its e. */
const ascii = (text: string): string => text.replaceAll('ß', 'ss').normalize('NFKD').replaceAll(/\p{M}/gu, '');
