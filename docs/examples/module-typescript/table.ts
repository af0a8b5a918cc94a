// Table: statistics of each column of a CSV, and transforms. The first line names the columns.

const MAX_LENGTH = 90_000;
const MAX_COLUMNS = 200;

const STEP = {
  type: 'object',
  required: ['do'],
  properties: {
    do: { type: 'string', enum: ['select', 'rename', 'filter', 'sort', 'sum'] },
    columns: { type: 'array', items: { type: 'string' }, description: 'select, sum' },
    column: { type: 'string', description: 'rename, filter, sort' },
    as: { type: 'string', description: 'rename, sum: the new name' },
    is: { type: 'string', enum: ['=', '!=', '>', '>=', '<', '<=', 'contains'], description: 'filter' },
    value: { type: 'string', description: 'filter' },
    descending: { type: 'boolean', description: 'sort' },
  },
};
export const TABLE_INPUT = {
  type: 'object',
  required: ['operation', 'csv'],
  additionalProperties: false,
  properties: {
    operation: { type: 'string', enum: ['statistics', 'transform'] },
    csv: { type: 'string', maxLength: MAX_LENGTH },
    steps: { type: 'array', maxItems: 20, items: STEP, description: 'Of transform, in order.' },
  },
};

interface Table {
  names: string[];
  rows: string[][];
}
type Step = Record<string, unknown>;

/** Throws with a sentence for the caller. */
export function table(given: Record<string, unknown>): object {
  const { csv, operation, steps = [] } = given;
  if (typeof csv !== 'string' || (csv.length > MAX_LENGTH && Array.from(csv).length > MAX_LENGTH))
    throw new TypeError(`csv must be a text of at most ${MAX_LENGTH} characters`);
  let now = read(csv);
  if (operation === 'statistics') {
    const columns = now.names.map((name, at) =>
      columnOf(
        name,
        now.rows.map((row) => row[at] ?? ''),
      ),
    );
    return { operation, rows: now.rows.length, columns };
  }
  if (operation !== 'transform') throw new TypeError('operation must be statistics or transform');
  if (!Array.isArray(steps) || steps.length > 20) throw new TypeError('steps must be a list of at most 20');
  for (const step of steps as unknown[])
    now = apply(typeof step === 'object' && step !== null ? (step as Step) : {}, now);
  return { operation, rows: now.rows.length, columns: now.names, csv: write(now) };
}

/** Names and rows of a CSV, quotes as in RFC 4180; short rows are filled up, empty lines left out. */
function read(text: string): Table {
  const csv = text.replace(/^\uFEFF+/, '');
  const lines: string[][] = [];
  let cells: string[] = [];
  let [cell, isQuoted] = ['', false];
  for (let at = 0; at < csv.length; at += 1) {
    const char = csv[at] ?? '';
    if (isQuoted && char === '"' && csv[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (isQuoted) {
      if (char === '"') isQuoted = false;
      else cell += char;
    } else if (char === '"' && cell === '') isQuoted = true;
    else if (char === ',') {
      cells.push(cell);
      cell = '';
    } else if (char === '\n') {
      lines.push([...cells, cell]);
      [cells, cell] = [[], ''];
    } else if (char !== '\r') cell += char;
  }
  lines.push([...cells, cell]);
  const kept = lines
    .filter((line) => line.length > 1 || line[0] !== '')
    .map((line) => line.map((one) => one.replaceAll(/^[ \t]+|[ \t]+$/g, '')));
  const [names = [], ...rows] = kept;
  if (names.length === 0 || names.length > MAX_COLUMNS)
    throw new TypeError(`csv must have a first line that names 1 to ${MAX_COLUMNS} columns`);
  if (new Set(names).size !== names.length) throw new TypeError('csv names a column twice');
  return { names, rows: rows.map((row) => names.map((_, at) => row[at] ?? '')) };
}

function write({ names, rows }: Table): string {
  const quote = (cell: string): string => (/[,"\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return [names, ...rows].map((row) => row.map(quote).join(',')).join('\n');
}

const rounded = (number: number): number => Math.floor(number * 1e6 + 0.5) / 1e6;
/** Up to six digits after the point, and no exponent. */
const plain = (number: number): string => rounded(number).toFixed(6).replace(/0+$/, '').replace(/\.$/, '');

function quantile(ordered: readonly number[], part: number): number {
  const place = (ordered.length - 1) * part;
  const low = Math.floor(place);
  const [from = 0, to = from] = [ordered[low], ordered[low + 1]];
  return rounded(from + (to - from) * (place - low));
}

const NUMBER = /^-?[0-9]{1,15}(?:\.[0-9]{1,10})?$/;
const DATE = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const numberOf = (cell: string): number | null => (NUMBER.test(cell) ? Number(cell) + 0 : null);

function kindOf(values: readonly string[]): 'number' | 'date' | 'boolean' | 'text' {
  if (values.length === 0) return 'text';
  if (values.every((value) => NUMBER.test(value))) return 'number';
  if (values.every((value) => DATE.test(value))) return 'date';
  return values.every((value) => value === 'true' || value === 'false') ? 'boolean' : 'text';
}

function columnOf(name: string, cells: readonly string[]): object {
  const values = cells.filter((cell) => cell !== '');
  const [type, distinct] = [kindOf(values), new Set(values).size];
  const found = { name, type, count: values.length, missing: cells.length - values.length, distinct };
  if (type === 'date') {
    const dates = values.toSorted();
    return { ...found, min: dates[0], max: dates.at(-1) };
  }
  if (type !== 'number') return found;
  const ordered = values.map((value) => Number(value) + 0).toSorted((a, b) => a - b);
  const total = ordered.reduce((sum, number) => sum + number, 0);
  return {
    ...found,
    min: ordered[0],
    max: ordered.at(-1),
    sum: rounded(total),
    mean: rounded(total / ordered.length),
    median: quantile(ordered, 0.5),
    p25: quantile(ordered, 0.25),
    p75: quantile(ordered, 0.75),
  };
}

function placeOf(names: readonly string[], name: unknown): number {
  const at = typeof name === 'string' ? names.indexOf(name) : -1;
  if (at >= 0) return at;
  throw new TypeError(`there is no column ${typeof name === 'string' ? name : '?'}; there are ${names.join(', ')}`);
}

function apply(step: Step, { names, rows }: Table): Table {
  const columns: unknown[] = Array.isArray(step['columns']) ? step['columns'] : [];
  const { do: what, as } = step;
  if (what === 'select') {
    const places = columns.map((name) => placeOf(names, name));
    const pick = (row: readonly string[]): string[] => places.map((at) => row[at] ?? '');
    return { names: pick(names), rows: rows.map(pick) };
  }
  if (what === 'sum') {
    const places = columns.map((name) => placeOf(names, name));
    const total = (row: readonly string[]): number =>
      places.reduce((sum, at) => sum + (numberOf(row[at] ?? '') ?? 0), 0);
    return { names: [...names, fresh(names, as)], rows: rows.map((row) => [...row, plain(total(row))]) };
  }
  const at = placeOf(names, step['column']);
  if (what === 'rename') return { names: names.with(at, fresh(names, as)), rows };
  if (what === 'filter') {
    const { is = '=', value = '' } = step;
    return { names, rows: rows.filter((row) => matches(row[at] ?? '', is, String(value))) };
  }
  if (what !== 'sort') throw new TypeError('do must be select, rename, filter, sort or sum');
  const sign = step['descending'] === true ? -1 : 1;
  return { names, rows: rows.toSorted((a, b) => sign * compare(a[at] ?? '', b[at] ?? '')) };
}

function fresh(names: readonly string[], name: unknown): string {
  if (typeof name === 'string' && name !== '' && !names.includes(name)) return name;
  throw new TypeError('as must be a new name');
}

/** Numbers by size come before texts by their characters. */
function compare(a: string, b: string): number {
  const [left, right] = [numberOf(a), numberOf(b)];
  if (left !== null && right !== null) return left - right;
  if (left !== null || right !== null) return left === null ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function matches(cell: string, is: unknown, wanted: string): boolean {
  const order = compare(cell, wanted);
  switch (is) {
    case 'contains':
      return cell.includes(wanted);
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    default:
      throw new TypeError('is must be =, !=, >, >=, <, <= or contains');
  }
}
