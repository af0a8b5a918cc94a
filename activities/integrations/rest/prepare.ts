import { UserError } from '#core/errors.ts';
import type { Json, JsonObject, PreparedRequest } from '#core/tools.ts';
import { isHeaderValue } from './credential.ts';
import { fillPath, isUnder, scalarText } from './path.ts';
import { isObject } from './schema.ts';
import type { Body, Param, StoredAction } from './settings.ts';

const URL_LENGTH = 8_000;

/** The request that parsed arguments make: the bytes a person approves and that are sent, without the credential (RULES A1). Throws `UserError`. */
export function prepareRequest(baseUrl: string, action: StoredAction, input: JsonObject): PreparedRequest {
  const values = new Map<string, { arg: string; text: string }>();
  const query = new URLSearchParams();
  const headers: Record<string, string> = { Accept: 'application/json, */*;q=0.5' };
  for (const param of action.params) {
    const value = valueOf(input, param.arg);
    if (value === undefined) continue;
    if (param.in === 'path') values.set(param.name, { arg: param.arg, text: joined(value) });
    else if (param.in === 'query') queryPairs(param, value).forEach(([name, text]) => query.append(name, text));
    else headers[param.name] = headerText(param.arg, joined(value));
  }
  const path = fillPath(action.path, values);
  const url = new URL(`${baseUrl}${path}${query.size > 0 ? `?${query.toString()}` : ''}`).href;
  if (url.length > URL_LENGTH) throw invalid('input', `the address would be longer than ${URL_LENGTH} characters`);
  // The last word on every trick above: the place it goes to is the connection's.
  if (!isUnder(baseUrl, url)) throw invalid('input', 'the address would leave the connection’s base address');
  const body = action.body === null ? null : bodyText(action.body, input);
  if (body !== null && action.body !== null) headers['Content-Type'] = action.body.contentType;
  return { method: action.method, url, headers, body };
}

function queryPairs({ name, style }: Param, value: Json): [string, string][] {
  if (style === 'json') return [[name, JSON.stringify(value)]];
  if (isObject(value) && style === 'deep')
    return Object.entries(value).map(([key, it]) => [`${name}[${key}]`, scalarText(it)]);
  if (!Array.isArray(value)) return [[name, scalarText(value)]];
  if (style === 'comma') return [[name, value.map(scalarText).join(',')]];
  if (style === 'space') return [[name, value.map(scalarText).join(' ')]];
  if (style === 'pipe') return [[name, value.map(scalarText).join('|')]];
  return value.map((item) => [name, scalarText(item)]);
}

function bodyText(body: Body, input: JsonObject): string | null {
  const value = body.whole === null ? objectOf(body, input) : valueOf(input, body.whole);
  if (value === undefined) return null;
  return body.isForm ? new URLSearchParams(formPairs('', value)).toString() : JSON.stringify(value);
}

function objectOf({ fields, isRequired }: Body, input: JsonObject): JsonObject | undefined {
  const entries = fields.flatMap(({ arg, name }): [string, Json][] => {
    const value = valueOf(input, arg);
    return value === undefined ? [] : [[name, value]];
  });
  return entries.length === 0 && !isRequired ? undefined : Object.fromEntries(entries);
}

/** a=1, lists repeat their name, objects as `a[b]`: what form readers have in common. */
function formPairs(name: string, value: Json): [string, string][] {
  if (Array.isArray(value)) return value.flatMap((item) => formPairs(name, item));
  if (!isObject(value)) return [[name, scalarText(value)]];
  return Object.entries(value).flatMap(([key, inner]) => formPairs(name === '' ? key : `${name}[${key}]`, inner));
}

function headerText(arg: string, text: string): string {
  if (isHeaderValue(text)) return text;
  throw invalid(arg, 'goes into a header: only printable ASCII characters, no line breaks, no spaces around it');
}

const valueOf = (input: JsonObject, arg: string): Json | undefined =>
  Object.hasOwn(input, arg) ? input[arg] : undefined;
const joined = (value: Json): string => (Array.isArray(value) ? value.map(scalarText).join(',') : scalarText(value));
const invalid = (field: string, problem: string): UserError =>
  new UserError(`${field}: ${problem}.`, { status: 422, field });
