import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LogLevel, WebClient } from '@slack/web-api';
import type { Slack } from './index.ts';
import type { Json } from './words.ts';

/** Slack's own client, as the product uses it: no retries of its own. */
export const clientOf = (slack: Pick<Slack, 'apiUrl' | 'token'>, token = slack.token()): WebClient =>
  new WebClient(token, {
    slackApiUrl: slack.apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logLevel: LogLevel.ERROR,
    logger: quiet,
  });
const none = () => undefined;
const quiet = {
  debug: none,
  info: none,
  warn: none,
  error: none,
  setLevel: none,
  setName: none,
  getLevel: () => LogLevel.ERROR,
};

/** The error a call was answered with, or 'ok'. */
export const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: { data?: { error?: string }; code?: string; message: string }) =>
      error.data?.error ?? error.code ?? error.message,
  );

export interface Received {
  headers: IncomingHttpHeaders;
  raw: string;
  body: Json;
}
/** An app's request URL that remembers what came and answers what it is told to. */
export async function startApp() {
  const received: Received[] = [];
  let answer: (one: Received) => { status?: number; body?: unknown } = () => ({});
  const server = createServer((request, response) => {
    let raw = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => (raw += chunk));
    request.on('end', () => {
      const isForm = request.headers['content-type']?.includes('urlencoded');
      const fields: Json = isForm ? Object.fromEntries(new URLSearchParams(raw)) : JSON.parse(raw);
      const body: Json = fields['payload'] ? JSON.parse(fields['payload']) : fields;
      const one = { headers: request.headers, raw, body };
      received.push(one);
      const { status = 200, body: said } = answer(one);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(said === undefined ? '' : JSON.stringify(said));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/slack/events`,
    received,
    /** The events that came, in order. */
    events: (): Json[] => received.map(({ body }) => body['event']).filter(Boolean),
    answer: (next: typeof answer): void => {
      answer = next;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
