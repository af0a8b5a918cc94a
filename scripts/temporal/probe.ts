import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Connection } from '@temporalio/client';

/** The namespace every dev server makes by itself. */
const namespace = 'default';

/** Whether a Temporal server answers there and knows the namespace `default`. */
async function answers(address: string): Promise<boolean> {
  // A refused gRPC connection is only tried again after a second; this look costs a millisecond.
  if (!(await accepts(address))) return false;
  let connection: Connection | undefined;
  try {
    // connect() itself asks for the system's capabilities, so whatever is not Temporal fails here.
    connection = await Connection.connect({ address, connectTimeout: '2s' });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + 2000, () => workflowService.describeNamespace({ namespace }));
    return true;
  } catch {
    return false;
  } finally {
    await connection?.close();
  }
}

/** Asks until the server answers; false when it has not within `patienceMs`, or as soon as `isGone` says it never will. */
export async function waitUntilAnswers(address: string, patienceMs: number, isGone: () => boolean): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (!isGone() && Date.now() < deadline) {
    if (await answers(address)) return true;
    await delay(50);
  }
  return false;
}

function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host: host ?? '', port: Number(port), timeout: 1000 });
    const settle = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
