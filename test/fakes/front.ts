import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A door in front of another HTTP server, which can be held shut, for all or for requests that say so: what comes meanwhile waits. */
export async function startFront(target: string) {
  let shutFor: string | null = null;
  const waiting = new Map<ServerResponse, () => void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const pass = () => void forward(`${target}${request.url}`, request.headers['content-type'], body, response);
      if (shutFor !== null && body.includes(shutFor)) waiting.set(response, pass);
      else pass();
      response.on('close', () => waiting.delete(response));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: (words = '') => {
      shutFor = words;
    },
    release: () => {
      shutFor = null;
      for (const [response, pass] of waiting) {
        waiting.delete(response);
        pass();
      }
    },
    /** How many wait and have not hung up. */
    held: () => waiting.size,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
export type Front = Awaited<ReturnType<typeof startFront>>;

async function forward(
  url: string,
  contentType: string | undefined,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': contentType ?? 'application/json', 'x-api-key': 'test-key' },
    body: body.toString(),
  });
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
  response.end(await answer.text());
}
