import { UserError } from '#core/errors.ts';
import { cut, isStorable } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import { isObject, type Follow } from './schema.ts';

/** Limits of an OpenAPI document (RULES S5): characters, and what its text may unfold to. */
const DOCUMENT_LENGTH = 5 * 1024 * 1024;
const NODES = 500_000;
const DEPTH = 100;
const RESOLVE_MS = 10_000;

export interface ApiDocument {
  root: JsonObject;
  follow: Follow;
}

/** An OpenAPI 3.0 or 3.1 document, from an object or from JSON or YAML text, every reference inside it. Throws `UserError` (field `openapi`). */
export async function openDocument(source: unknown): Promise<ApiDocument> {
  const value = typeof source === 'string' ? await readText(source) : source;
  const root = plain(value, { nodes: NODES, length: DOCUMENT_LENGTH }, 0);
  if (!isObject(root)) throw broken('is not an OpenAPI document: it must be an object with "openapi" and "paths"');
  if (root['swagger'] !== undefined) throw broken('is Swagger 2.0. Convert it to OpenAPI 3.0 or 3.1 and send that');
  if (!isObject(root['paths'])) throw broken('has no "paths", so there is nothing to call');
  // A version that is a number is a common mistake of authors, and harmless to us.
  if (isObject(root['info'])) root['info']['version'] = '';
  return { root, follow: await followIn(root) };
}

/** swagger-parser checks the version and finds the references; its `dereference` unfolds a chain of doubled references for ever, so we follow them one by one. */
async function followIn(root: JsonObject): Promise<Follow> {
  const { default: SwaggerParser } = await import('@apidevtools/swagger-parser');
  const options = { resolve: { external: false, file: false, http: false }, timeoutMs: RESOLVE_MS };
  const refs = await SwaggerParser.resolve(root as never, options).catch((error: unknown) => {
    throw broken(`cannot be read: ${cut(error instanceof Error ? error.message : String(error), 200)}`, error);
  });
  const found = new Map<string, Json>();
  return (pointer) => {
    const known = found.get(pointer);
    if (known !== undefined) return known;
    const target = lookUp(() => refs.get(pointer) as unknown as Json, pointer);
    found.set(pointer, target);
    return target;
  };
}

function lookUp(get: () => Json, pointer: string): Json {
  try {
    return get();
  } catch (error) {
    throw broken(`points to "${cut(pointer, 100)}", which is not in it`, error);
  }
}

async function readText(text: string): Promise<unknown> {
  if (text.length > DOCUMENT_LENGTH) throw broken('is longer than 5 MB. Leave out the operations you do not need');
  const bare = text.replace(/^\uFEFF/, '').trim();
  try {
    if (bare.startsWith('{')) return JSON.parse(bare);
    const { parse } = await import('yaml');
    // Aliases are counted by what they unfold to; comparing all keys with each other would be quadratic.
    return parse(bare, { maxAliasCount: 100, uniqueKeys: false, schema: 'core', logLevel: 'silent' });
  } catch (error) {
    const reason = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
    throw broken(`is neither JSON nor YAML that can be read: ${cut(reason, 200)}`, error);
  }
}

/** A copy that is a plain JSON tree within the limits. Refuses references to other files or addresses: nothing is fetched on a document's word. */
function plain(value: unknown, left: { nodes: number; length: number }, depth: number): Json {
  left.nodes -= 1;
  if (left.nodes < 0) throw broken(`holds more than ${NODES} values. Leave out the operations you do not need`);
  if (depth > DEPTH) throw broken(`is nested more than ${DEPTH} levels deep`);
  if (value === null || value === undefined) return null;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value === 'string') return text(value, left);
  if (Array.isArray(value)) return value.map((item) => plain(item, left, depth + 1));
  if (typeof value !== 'object') throw broken('holds something that JSON cannot hold');
  const entries = Object.entries(value).filter(([name, inner]) => name !== '__proto__' && inner !== undefined);
  return Object.fromEntries(
    entries
      .filter(([name, inner]) => !(IDENTITY.has(name) && typeof inner === 'string'))
      .map(([name, inner]) => {
        if (name === '$ref' && typeof inner === 'string' && !inner.startsWith('#')) {
          throw broken(
            `points to another file or address ("${cut(inner, 100)}"), which is not followed. Bundle it into one document`,
          );
        }
        return [text(name, left), plain(inner, left, depth + 1)];
      }),
  );
}

/** They would change what a reference means. */
const IDENTITY = new Set(['$id', '$schema', '$anchor', '$dynamicAnchor', '$dynamicRef', '$recursiveRef']);

function text(value: string, left: { length: number }): string {
  left.length -= value.length;
  if (left.length < 0) throw broken('is longer than 5 MB. Leave out the operations you do not need');
  return isStorable(value) ? value : value.toWellFormed().replaceAll('\u0000', '');
}

const broken = (problem: string, cause?: unknown): UserError =>
  new UserError(`openapi: the document ${problem}.`, { status: 422, field: 'openapi', cause });
