import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { createServer as createHttps } from 'node:https';
import { onTestFinished } from 'vitest';
import type { TestCertificate } from './certificate.fixture.ts';

/** A server on 127.0.0.1 for the length of one test. */
export interface TestServer {
  readonly port: number;
  /** `127.0.0.1:port`, an allow entry. */
  readonly name: string;
  readonly connections: () => number;
  /** Everything that arrived, all connections together (raw servers only). */
  readonly received: () => string;
}

/** Accepts connections and leaves all else to `onSocket`. */
export const rawServer = (onSocket: (socket: Socket) => void = () => undefined, host?: string): Promise<TestServer> =>
  listen(createServer(), onSocket, host);

export const httpServer = (listener: RequestListener): Promise<TestServer> => listen(createHttp(listener));

export const httpsServer = (certificate: TestCertificate, listener: RequestListener): Promise<TestServer> =>
  listen(createHttps(certificate, listener));

/** A TLS server that records what arrives inside the encryption. */
export async function tlsServer(
  certificate: TestCertificate,
): Promise<{ server: TestServer; decrypted: () => string }> {
  let decrypted = '';
  const server = createTls(certificate, (secure) => {
    secure.on('error', () => undefined).on('data', (chunk: Buffer) => (decrypted += chunk.toString('latin1')));
  });
  server.on('tlsClientError', () => undefined);
  return { server: await listen(server), decrypted: () => decrypted };
}

async function listen(server: Server, onSocket: (socket: Socket) => void = () => undefined, host = '127.0.0.1') {
  const open = new Set<Socket>();
  let connections = 0;
  let received = '';
  const isRaw = server.constructor.name === 'Server' && server.listenerCount('connection') === 0;
  server.on('connection', (socket: Socket) => {
    connections += 1;
    open.add(socket.on('error', () => undefined));
    socket.once('close', () => open.delete(socket));
    if (!isRaw) return;
    socket.on('data', (chunk) => (received += chunk.toString('latin1')));
    onSocket(socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen({ port: 0, host }, resolve);
  });
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, name: `127.0.0.1:${port}`, connections: () => connections, received: () => received };
}
