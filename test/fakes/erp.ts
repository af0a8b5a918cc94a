import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}
type Behave = (received: Received, response: ServerResponse) => void;

/** An ERP over real HTTP, with a ledger of everything it received. Its behaviour can be changed while it runs. */
export async function startErp(options: { honoursKey?: boolean; port?: number } = {}) {
  const received: Received[] = [];
  /** Invoices it has made: what "exactly once" is counted by. */
  const invoices: { id: string; key: string | undefined; body: string }[] = [];
  const make = ({ headers, body }: Received): { id: string } => {
    const key = headers['idempotency-key'] as string | undefined;
    const known = options.honoursKey ? invoices.find((invoice) => invoice.key === key) : undefined;
    const invoice = known ?? { id: `ERP-${1001 + invoices.length}`, key, body };
    if (!known) invoices.push(invoice);
    return invoice;
  };
  const create: Behave = (one, response) => {
    response.setHeader('content-type', 'application/json');
    if (one.method !== 'POST') return response.writeHead(200).end(JSON.stringify({ invoices: invoices.length }));
    return response.writeHead(201).end(JSON.stringify({ id: make(one).id, status: 'posted' }));
  };
  let behave: Behave = create;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      const one = { method: request.method ?? '', path: request.url ?? '', headers: request.headers, body };
      received.push(one);
      behave(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    /** For ABETWORKS_EGRESS_ALLOW. */
    hostPort: `127.0.0.1:${port}`,
    received,
    invoices,
    posts: () => received.filter(({ method }) => method === 'POST'),
    /** Makes the invoice and says so. */
    create,
    /** Makes the invoice; for behaviours that then answer strangely or not at all. */
    make,
    behave: (next: Behave | null) => {
      behave = next ?? create;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
export type Erp = Awaited<ReturnType<typeof startErp>>;

/** The connection's settings, as an OpenAPI document with or without an Idempotency-Key header parameter (RULES E7). */
export const erpConnection = (erp: Erp, { declaresKey = true, trusted = false, name = 'ERP' } = {}) => ({
  connector: 'rest',
  name,
  settings: {
    baseUrl: erp.url,
    trusted,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'ERP', version: '1' },
      paths: {
        '/invoices': {
          get: { operationId: 'listInvoices', responses: { 200: { description: 'all' } } },
          post: {
            operationId: 'createInvoice',
            parameters: declaresKey ? [{ name: 'Idempotency-Key', in: 'header', schema: { type: 'string' } }] : [],
            requestBody: {
              content: {
                'application/json': {
                  schema: {
                    type: 'object',
                    required: ['number', 'amount', 'currency'],
                    properties: {
                      number: { type: 'string' },
                      amount: { type: 'number' },
                      currency: { type: 'string' },
                    },
                  },
                },
              },
            },
            responses: { 201: { description: 'made' } },
          },
        },
      },
    },
  },
  credential: { type: 'bearer', token: 'erp-secret-canary-9f3a' },
});
