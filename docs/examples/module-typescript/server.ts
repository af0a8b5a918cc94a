// A module server for Abetworks: node server.ts. Node's own http only; the protocol is in docs/modules.md.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { table, TABLE_INPUT } from './table.ts';
import { text, TEXT_INPUT } from './text.ts';

const { MODULE_API_KEY: KEY = '', HOST = '127.0.0.1', PORT = '8702' } = process.env;
const BODY_BYTES = 1024 * 1024;
const MS_TO_SEND = 10_000;

const output_schema = { type: 'object', required: ['operation'], properties: { operation: { type: 'string' } } };
const MODULES: Record<string, { run: (input: Record<string, unknown>) => object; [said: string]: unknown }> = {
  text: {
    name: 'Text',
    description: 'Summarizes a text, tells its sentiment, or extracts e-mail addresses, links, dates and amounts.',
    effect: 'read',
    version: '1',
    input_schema: TEXT_INPUT,
    output_schema,
    run: text,
  },
  table: {
    name: 'Table',
    description: 'Tells the statistics of each column of a CSV, or transforms it step by step.',
    effect: 'read',
    version: '1',
    input_schema: TABLE_INPUT,
    output_schema,
    run: table,
  },
};

/** What GET /modules says: everything but the code. */
const listing = () => ({ modules: Object.entries(MODULES).map(([id, module]) => ({ id, ...module, run: undefined })) });

/** One execution: what the module answers, or why it failed. */
function execute(id: string, input: unknown): object {
  const begun = performance.now();
  const seconds = () => Math.round((performance.now() - begun) * 1e3) / 1e6;
  const execution_id = randomUUID();
  try {
    if (!isObject(input)) throw new TypeError('input_data must be an object');
    const output = MODULES[id]?.run(input);
    return { execution_id, status: 'completed', output, duration: seconds() };
  } catch (problem) {
    const error = problem instanceof Error ? problem.message : 'it failed';
    return { execution_id, status: 'failed', error, duration: seconds() };
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isKnown = (request: IncomingMessage): boolean => {
  const hash = (value: string) => createHash('sha256').update(value).digest();
  return KEY === '' || timingSafeEqual(hash(String(request.headers['x-api-key'] ?? '')), hash(KEY));
};

function send(response: ServerResponse, status: number, body: object): void {
  // The rest of a refused request is not read.
  const close = status >= 400 ? { connection: 'close' } : {};
  response.writeHead(status, { 'content-type': 'application/json', ...close }).end(JSON.stringify(body));
}

/** Null: it is longer than is read. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = Number(request.headers['content-length'] ?? 0);
  if (length > BODY_BYTES) return null;
  length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = `${request.method} ${request.url}`;
  if (asked === 'GET /health') return send(response, 200, { status: 'ok' });
  if (!isKnown(request)) return send(response, 401, { error: 'X-API-Key is missing or wrong' });
  if (asked === 'GET /modules') return send(response, 200, listing());
  if (asked !== 'POST /execute')
    return send(response, 404, { error: 'there is GET /health, GET /modules and POST /execute' });
  const body = await readBody(request);
  if (body === null) return send(response, 413, { error: `the body may be ${BODY_BYTES} bytes at most` });
  const parsed = parse(body);
  if (parsed === undefined) return send(response, 400, { error: 'the body is not JSON' });
  const id = isObject(parsed) ? parsed['module_id'] : undefined;
  if (!isObject(parsed) || typeof id !== 'string' || !Object.hasOwn(MODULES, id))
    return send(response, 404, { error: 'there is no such module' });
  return send(response, 200, execute(id, parsed['input_data']));
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

const server = createServer({ requestTimeout: MS_TO_SEND, headersTimeout: MS_TO_SEND }, (request, response) => {
  answer(request, response).catch(() => response.destroy());
});
server.listen(Number(PORT), HOST, () => {
  process.stdout.write(`http://${HOST}:${(server.address() as AddressInfo).port}\n`);
});
process.on('SIGTERM', () => process.exit(0));
