import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Executed {
  headers: IncomingHttpHeaders;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at whatever came
  body: any;
}
type Behave = (executed: Executed, response: ServerResponse) => void;

export const MODULE_KEY = 'module-secret-canary-4d1b';

const object = (properties: object, required: string[] = []) => ({ type: 'object', properties, required });
/** What it lists unless told otherwise: one that reads, and one that does not say so. */
export const MODULES = [
  {
    id: 'lookup',
    name: 'Look-up',
    description: 'Looks a word up.',
    effect: 'read',
    input_schema: object({ word: { type: 'string' } }, ['word']),
    output_schema: object({ found: { type: 'string' } }, ['found']),
  },
  {
    id: 'ticket.open',
    name: 'Open a ticket',
    description: 'Opens a ticket.',
    input_schema: object({ subject: { type: 'string' } }, ['subject']),
  },
];

/** A module server over real HTTP, with everything it was asked to execute. */
export async function startModules({ port = 0, key = MODULE_KEY }: { port?: number; key?: string } = {}) {
  const executed: Executed[] = [];
  const lists: { modules: unknown } = { modules: MODULES };
  const answerAs =
    (output: (executed: Executed) => unknown): Behave =>
    (one, response) =>
      json(response, 200, {
        execution_id: `exec-${executed.length}`,
        status: 'completed',
        output: output(one),
        duration: 0.01,
      });
  const usual = answerAs(({ body }) =>
    body.module_id === 'lookup' ? { found: `about ${body.input_data.word}` } : { ticket_id: `T-${executed.length}` },
  );
  let behave: Behave = usual;
  let health = 200;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (request.url === '/health') return json(response, health, { status: health === 200 ? 'ok' : 'down' });
      if (key !== '' && request.headers['x-api-key'] !== key) return json(response, 401, { error: 'wrong key' });
      if (request.url === '/modules') return json(response, 200, lists);
      const one = { headers: request.headers, body: JSON.parse(body) };
      executed.push(one);
      return behave(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const at = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${at}`,
    port: at,
    hostPort: `127.0.0.1:${at}`,
    executed,
    executions: (id: string) => executed.filter(({ body }) => body.module_id === id),
    usual,
    answerAs,
    behave: (next: Behave | null) => {
      behave = next ?? usual;
    },
    list: (modules: unknown) => {
      lists.modules = modules;
    },
    healthIs: (status: number) => {
      health = status;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
export type Modules = Awaited<ReturnType<typeof startModules>>;

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export const moduleConnection = (
  server: { url: string },
  { name = 'Desk', key = MODULE_KEY, ...settings }: { name?: string; key?: string; [setting: string]: unknown } = {},
) => ({
  connector: 'module',
  name,
  settings: { baseUrl: server.url, ...settings },
  credential: key === '' ? {} : { apiKey: key },
});
