import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface Wire {
  /** `host:port` to use in place of the server's own. */
  address: string;
  /** From now on nothing gets through: what is under way is lost, what comes is refused. */
  cut(): void;
  mend(): void;
  /** Nobody listens there any more: what comes is refused, before a byte of it is sent. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
  stop(): Promise<void>;
}

/** A wire to a server that a test can cut: to the product, the server is unreachable. */
export async function layWire(to: string): Promise<Wire> {
  const [host = '', port = ''] = to.split(':');
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((near) => {
    if (isCut) return near.destroy();
    const far = connect(Number(port), host);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
    return near;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port: own } = server.address() as AddressInfo;
  const end = (): void => sockets.forEach((socket) => void socket.destroy());
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      end();
    });
  return {
    address: `127.0.0.1:${own}`,
    cut: () => {
      isCut = true;
      end();
    },
    mend: () => {
      isCut = false;
    },
    unplug: close,
    plug: () => new Promise<void>((resolve) => server.listen(own, '127.0.0.1', resolve)),
    stop: close,
  };
}
