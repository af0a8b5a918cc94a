import { sha256 } from '#core/hash.ts';
import { escapeInvisible } from '#core/text.ts';
import { type Json, type JsonObject, type Payload, zPayload } from '#core/tools.ts';
import { leaves, showText, showValue } from './leaves.ts';

export interface Item {
  name: string;
  value: string;
  /** The value is this moment, in ms: a platform that knows the reader's clock shows that too. */
  at?: number;
}

/** The stored text, parsed. Arguments are the raw ones: a record parser drops a key such as `__proto__`, and nothing may be missing. */
export function readPayload(payloadText: string): Payload {
  const raw: unknown = JSON.parse(payloadText);
  const payload = zPayload.parse(raw);
  return { ...payload, arguments: (raw as { arguments: JsonObject }).arguments };
}

/** Every argument: its path and its exact value. */
export const argumentItems = (payload: Payload): Item[] => {
  if (Object.keys(payload.arguments).length === 0) return [];
  return leaves(payload.arguments).map(({ path, value }) => ({ name: escapeInvisible(path), value: showValue(value) }));
};

/** Every argument that differs, with its path: `old → new`, or that it was added or left out. */
export function changedItems(before: Payload, after: Payload): Item[] {
  const [old, now] = [shownLeaves(before.arguments), shownLeaves(after.arguments)];
  const paths = [...new Set([...old.keys(), ...now.keys()])].filter((path) => old.get(path) !== now.get(path));
  return paths.map((path) => {
    const [was, is] = [old.get(path), now.get(path)];
    if (was === undefined) return { name: `${path} (added)`, value: is ?? '' };
    if (is === undefined) return { name: `${path} (left out)`, value: was };
    return { name: path, value: `${was}${was.includes('\n') || is.includes('\n') ? '\n' : ' '}→ ${is}` };
  });
}

/** By escaped path. An empty object of arguments has none. */
const shownLeaves = (args: JsonObject): Map<string, string> =>
  new Map(
    Object.keys(args).length === 0
      ? []
      : leaves(args).map(({ path, value }) => [escapeInvisible(path), showValue(value)]),
  );

/** Where it goes: the tool, the connection, the request's address with the host in punycode, the attachments. */
export const targetItems = ({ tool, connection, request, attachments }: Payload): Item[] => [
  { name: 'Tool', value: escapeInvisible(tool) },
  ...(connection ? [{ name: 'Connection', value: escapeInvisible(connection.name) }] : []),
  ...(request ? urlItems(request.method, request.url) : []),
  ...attachments.map((file) => ({ name: 'Attachment', value: `${showText(file.name)} (sha256 ${file.sha256})` })),
];

/** The rest of the request: headers and body. */
export const requestItems = ({ request, arguments: args }: Payload): Item[] => [
  ...Object.entries(request?.headers ?? {}).map(([name, value]) => ({
    name: `Header ${escapeInvisible(name)}`,
    value: showText(value),
  })),
  ...(request?.body ? [bodyItem(request.body, args)] : []),
];

function urlItems(method: string, url: string): Item[] {
  const ascii = URL.canParse(url) ? new URL(url).href : url;
  const shown = [{ name: 'Request', value: escapeInvisible(`${method} ${ascii}`) }];
  return ascii === url ? shown : [...shown, { name: 'URL as written', value: escapeInvisible(url) }];
}

/** The body is shown once: when all it holds is among the arguments, it is named by its hash instead. */
function bodyItem(body: string, args: JsonObject): Item {
  const isCovered = holdsOnly(body, args);
  return {
    name: 'Request body',
    value: isCovered ? `only values from the arguments (sha256 ${sha256(body).slice(0, 12)})` : showText(body),
  };
}

function holdsOnly(body: string, args: JsonObject): boolean {
  const parsed = parse(body);
  // Written otherwise than JSON.stringify would (a doubled key, say), the text itself is shown.
  if (parsed === undefined || JSON.stringify(parsed) !== body) return false;
  const known = new Set(leaves(args).map(leafKey));
  return [parsed, { body: parsed }].some((candidate) => leaves(candidate).every((leaf) => known.has(leafKey(leaf))));
}

const leafKey = (leaf: { path: string; value: Json }): string => JSON.stringify([leaf.path, leaf.value]);

function parse(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
