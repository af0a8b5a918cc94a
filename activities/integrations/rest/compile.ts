import { UserError, errorText } from '#core/errors.ts';
import { cut } from '#core/text.ts';
import type { JsonObject } from '#core/tools.ts';
import { openDocument, type ApiDocument } from './document.ts';
import { operationsOf, readOperation } from './operations.ts';
import { readOwnAction } from './own.ts';
import { normalBaseUrl, type RawSettings, type StoredAction, type StoredSettings } from './settings.ts';

/** Actions of one connection (RULES S5). */
const OPERATIONS = 500;
/** Characters of the stored settings: they are read at every turn. */
const STORED_LENGTH = 4_000_000;

/** The address of a document that must be fetched first, or null. */
export const addressOf = (openapi: RawSettings['openapi']): string | null =>
  typeof openapi === 'string' && /^https?:\/\/\S+$/i.test(openapi.trim()) ? openapi.trim() : null;

/** Raw settings, already parsed, → what is stored. `fetched`: the text at `addressOf`. Throws `UserError` naming the field. */
export async function compileSettings(raw: RawSettings, fetched: string | undefined): Promise<StoredSettings> {
  const taken = new Set<string>();
  const own = (raw.actions ?? []).map((action, index) => {
    if (taken.has(action.name.toLowerCase())) throw invalid(`actions.${index}.name`, `"${action.name}" is there twice`);
    taken.add(action.name.toLowerCase());
    return readOwnAction(action, `actions.${index}`, raw.idempotency);
  });
  const source = addressOf(raw.openapi) === null ? raw.openapi : fetched;
  if (raw.openapi !== undefined && source === undefined)
    throw invalid('openapi', 'the document at that address was not fetched');
  const found =
    source === undefined ? { actions: [], skipped: [] } : readDocument(await openDocument(source), raw, taken);
  const actions = [...own, ...found.actions];
  const settings: StoredSettings = {
    baseUrl: normalBaseUrl(raw.baseUrl),
    trusted: raw.trusted ?? false,
    enabled: enabledOf(raw.enabled, actions),
    actions,
    skipped: found.skipped.slice(0, 50),
  };
  if (JSON.stringify(settings).length > STORED_LENGTH) {
    throw invalid('openapi', 'the document is too large once read. Name the actions you need in "enabled"');
  }
  return settings;
}

function readDocument(
  document: ApiDocument,
  { enabled, idempotency }: RawSettings,
  taken: Set<string>,
): { actions: StoredAction[]; skipped: string[] } {
  const all = operationsOf(document, taken);
  // A document with too many is still usable when the few that are wanted are named.
  const wanted =
    all.length > OPERATIONS && Array.isArray(enabled) ? all.filter(({ name }) => enabled.includes(name)) : all;
  if (wanted.length > OPERATIONS) {
    throw invalid(
      'openapi',
      `the document has ${all.length} operations, at most ${OPERATIONS} can be used. Name those you need in "enabled"`,
    );
  }
  const skipped: string[] = [];
  const actions = wanted.flatMap((operation) => {
    try {
      return [readOperation(operation, document, idempotency)];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      skipped.push(`${operation.method} ${cut(operation.path, 100)} was left out: ${errorText(error)}`);
      return [];
    }
  });
  if (all.length === 0) throw invalid('openapi', 'the document has no operations');
  if (actions.length === 0)
    throw invalid('openapi', skipped[0] ?? 'none of the operations named in "enabled" is in the document');
  return { actions, skipped };
}

function enabledOf(enabled: RawSettings['enabled'], actions: readonly StoredAction[]): string[] {
  const names = actions.map(({ name }) => name);
  if (enabled === undefined) return names;
  if (enabled === 'reads') return actions.filter(({ effect }) => effect === 'read').map(({ name }) => name);
  const unknown = enabled.find((name) => !names.includes(name));
  if (unknown === undefined) return [...new Set(enabled)];
  throw invalid('enabled', `there is no action "${cut(unknown, 64)}". There are: ${cut(names.join(', '), 500)}`);
}

/** For a column of JSON: what is not there is left out, so that it reads back equal. */
export const asJson = (settings: StoredSettings): JsonObject => JSON.parse(JSON.stringify(settings)) as JsonObject;

const invalid = (field: string, problem: string): UserError =>
  new UserError(`${field}: ${problem}.`.replace(/\.\.$/, '.'), { status: 422, field });
