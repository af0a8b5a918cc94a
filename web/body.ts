import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { isStorable } from '#core/text.ts';
import type { WebEnv } from './env.ts';
import { ProblemError } from './problem.ts';

const MIB = 1024 * 1024;
const MAX_DEPTH = 100;
const MAX_VALUES = 500_000;

const limitOf = (mib: number) =>
  bodyLimit({
    maxSize: mib * MIB,
    onError: () => {
      throw new ProblemError(413, `The body may be ${mib} MiB at most.`, { headers: { connection: 'close' } });
    },
  });
const [usual, large] = [limitOf(1), limitOf(6)];

/** 1 MiB; 6 MiB where an OpenAPI document may be in the body. */
export const limitBody: MiddlewareHandler<WebEnv> = (c, next) =>
  (/^(\/api\/v1)?\/connections/.test(c.req.path) ? large : usual)(c, next);

/**
 * Refuses bodies that could not be stored or would hurt later: 415 not JSON, 400 malformed, 422 with the field for NUL characters,
 * broken Unicode, numbers that are none, `__proto__`, and nesting beyond 100.
 */
export const checkJson: MiddlewareHandler<WebEnv> = async (c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const bytes = await c.req.arrayBuffer();
  if (bytes.byteLength === 0) return next();
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? ''))
    throw new ProblemError(415, 'Send JSON, with the header "Content-Type: application/json".');
  checkValues(parse(bytes));
  return next();
};

function parse(bytes: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ProblemError(400, 'The body is not valid JSON in UTF-8.');
  }
}

interface Spot {
  value: object;
  key: string;
  parent: Spot | null;
  depth: number;
}

/** Walks without recursion: a body can be nested deeper than the stack. */
function checkValues(root: unknown): void {
  const stack: Spot[] = [];
  let count = 0;
  const visit = (value: unknown, key: string, parent: Spot | null): void => {
    const problem = isUnfit(value);
    if (problem) throw invalid(pathOf(key, parent), problem);
    if (typeof value === 'object' && value !== null)
      stack.push({ value, key, parent, depth: (parent?.depth ?? 0) + 1 });
  };
  visit(root, '', null);
  for (let spot = stack.pop(); spot; spot = stack.pop()) {
    if (spot.depth > MAX_DEPTH) throw invalid('', `is nested deeper than ${MAX_DEPTH} levels`);
    const isList = Array.isArray(spot.value);
    for (const [key, value] of Object.entries(spot.value)) {
      count += 1;
      if (count > MAX_VALUES) throw invalid('', `holds more than ${MAX_VALUES} values`);
      if (!isList && (key === '__proto__' || !isStorable(key)))
        throw invalid(pathOf('', spot), 'has a name that is not allowed');
      visit(value, key, spot);
    }
  }
}

function isUnfit(value: unknown): string | null {
  if (typeof value === 'string' && !isStorable(value)) return 'holds a NUL character or broken Unicode';
  if (typeof value === 'number' && !Number.isFinite(value)) return 'is too large a number';
  return null;
}

function pathOf(key: string, parent: Spot | null): string {
  const keys = [key];
  for (let spot = parent; spot; spot = spot.parent) keys.unshift(spot.key);
  return keys.filter((part) => part !== '' && part.length < 100 && isStorable(part)).join('.');
}

const invalid = (field: string, problem: string): ProblemError =>
  new ProblemError(422, `${field || 'body'}: ${problem}`, { field: field || 'body' });
