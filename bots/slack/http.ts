import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import type { Answer } from './deps.ts';
import type { Delivery, Hear } from './hear.ts';
import type { Later } from './later.ts';
import { createSeldom } from './seldom.ts';
import { verify, whyRefused } from './verify.ts';

/** Slack's own bodies stay far below: a message has 40 000 characters and 50 blocks at most. */
const MOST_BYTES = 1024 * 1024;
const JSON_TYPE = 'application/json';
const FORM_TYPE = 'application/x-www-form-urlencoded';
/** Anybody can send here: why it was refused is said this often at most. */
const SAY_AGAIN_MS = 60_000;

/** `POST /slack/events`: verified over the raw bytes, stored, acknowledged (RULES I1). Never throws. */
export function createHttp({
  secret,
  hear,
  later,
  log,
  now = Date.now,
}: {
  secret: string | undefined;
  hear: Hear;
  later: Later;
  log: Logger;
  now?: (() => number) | undefined;
}): (request: Request) => Promise<Response> {
  const isDue = createSeldom(SAY_AGAIN_MS, now);
  const refuse = (why: string | null): Response => {
    if (why !== null && isDue('refused')) log.warn({ why }, 'a request that says it is Slack’s was refused');
    return problem(401, 'This was not signed by Slack, just now, for this app.');
  };
  return async (request) => {
    if (request.method !== 'POST') return problem(405, 'Slack posts here.', { allow: 'POST' });
    if (secret === undefined)
      return problem(404, 'Slack is not heard over HTTP here: SLACK_SIGNING_SECRET is not set.');
    try {
      const raw = await readUpTo(request, MOST_BYTES);
      if (!raw) return problem(413, `A request may have ${MOST_BYTES} bytes at most.`);
      const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
      // Slack checks the certificate with a form that it does not sign, and that does nothing.
      if (type === FORM_TYPE && isSslCheck(request.headers, raw)) return new Response(null, { status: 200 });
      const signature = verify(request.headers, raw, secret, now());
      if (signature === null) return refuse(whyRefused(request.headers, raw, secret));
      const parsed = parse(type, raw);
      if (typeof parsed === 'string') return problem(400, parsed);
      if ('challenge' in parsed) return Response.json(parsed);
      const answer = await hear({ ...parsed, signature });
      if (answer.after) later.add(answer.after);
      return responseOf(answer);
    } catch (error) {
      log.error({ error: errorText(error) }, 'a delivery of Slack could not be stored; it will come again');
      return problem(503, 'It could not be stored. Send it again.');
    }
  };
}

/** Null: there are more. */
async function readUpTo(request: Request, most: number): Promise<Uint8Array | null> {
  if (Number(request.headers.get('content-length') ?? 0) > most) return null;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of request.body ?? []) {
    length += part.byteLength;
    if (length > most) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const isSslCheck = (headers: Headers, raw: Uint8Array): boolean =>
  !headers.has('x-slack-signature') &&
  raw.byteLength < 10_000 &&
  new URLSearchParams(new TextDecoder().decode(raw)).get('ssl_check') === '1';

/** What the body holds; a text says what is wrong with it. */
function parse(type: string | undefined, raw: Uint8Array): Delivery | { challenge: string } | string {
  const text = decode(raw);
  if (text === null) return 'The body is not valid UTF-8.';
  if (type === FORM_TYPE) return parseForm(text);
  if (type !== JSON_TYPE) return `The content type must be ${JSON_TYPE} or ${FORM_TYPE}.`;
  const body = parseJson(text);
  if (!isRecord(body)) return 'The body must be a JSON object.';
  if (body['type'] !== 'url_verification') return { kind: 'event', body };
  const { challenge } = body;
  return typeof challenge === 'string' ? { challenge } : 'The challenge is missing.';
}

function parseForm(text: string): Delivery | string {
  const form = Object.fromEntries(new URLSearchParams(text));
  const { payload } = form;
  if (payload !== undefined) {
    const body = parseJson(payload);
    return isRecord(body) ? { kind: 'interaction', body } : 'The payload must be a JSON object.';
  }
  return form['command'] === undefined ? 'The form has neither a payload nor a command.' : { kind: 'command', form };
}

function decode(raw: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(raw);
  } catch {
    return null;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function responseOf({ status, body }: Answer): Response {
  if (status >= 400) return problem(status, typeof body === 'string' ? body : 'It was not taken in.');
  if (body === undefined) return new Response(null, { status });
  return typeof body === 'string' ? new Response(body, { status }) : Response.json(body, { status });
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  503: 'Service Unavailable',
};

/** RFC 9457, as everywhere. */
const problem = (status: number, detail: string, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify({ type: 'about:blank', title: TITLES[status] ?? 'Error', status, detail }), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
