import { createServer } from 'node:http';
import { PlatformFailure } from '#core/errors.ts';
import type { PlatformFiles } from './fetch-file.ts';

type Answer = { bytes: Uint8Array; type?: string } | { status: number };

/** A platform's file store over HTTP, and the way in that the product is given. `answer` decides for each path, at each try. */
export async function startFileHost(answer: (path: string, tries: number) => Answer) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const given = answer(path, asked.filter((one) => one === path).length);
    if ('status' in given) return response.writeHead(given.status, { 'retry-after': '0' }).end();
    return response.writeHead(200, { 'content-type': given.type ?? 'application/octet-stream' }).end(given.bytes);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const files: PlatformFiles = {
    download: async (_at, from, { maxBytes, signal }) => {
      const answered = await fetch(from, signal ? { signal } : {}).catch((cause: unknown) => {
        throw new PlatformFailure('not_sent', 'connection', { cause });
      });
      if (answered.status === 429) throw new PlatformFailure('limited', 'ratelimited', { retryAfterMs: 1 });
      if (answered.status >= 500) throw new PlatformFailure('unclear', `http_${answered.status}`);
      if (!answered.ok) throw new PlatformFailure('refused', 'file_not_found');
      const bytes = new Uint8Array(await answered.arrayBuffer());
      if (bytes.length > maxBytes) throw new PlatformFailure('refused', 'file_too_large');
      return { bytes, mimeType: answered.headers.get('content-type') ?? '' };
    },
  };
  return {
    url,
    asked,
    files,
    stop: async (): Promise<void> => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
export type FileHost = Awaited<ReturnType<typeof startFileHost>>;
