import { Connection } from '@temporalio/client';
import type { PayloadCodec } from '@temporalio/common';

export interface RawHistory {
  workflowId: string;
  type: string;
  events: readonly object[];
}

/** The history of every workflow of a server as it lies there, fetched without our data converter. */
export async function rawHistories(address: string, namespace = 'default'): Promise<RawHistory[]> {
  const connection = await Connection.connect({ address });
  const { workflowService } = connection;
  try {
    const { executions } = await workflowService.listWorkflowExecutions({ namespace, pageSize: 1_000 });
    return await Promise.all(
      executions.map(async ({ execution, type }): Promise<RawHistory> => {
        const { history } = await workflowService.getWorkflowExecutionHistory({
          namespace,
          execution: execution ?? null,
        });
        return { workflowId: execution?.workflowId ?? '', type: type?.name ?? '', events: history?.events ?? [] };
      }),
    );
  } finally {
    await connection.close();
  }
}

/** Everything readable in a value, bytes as they are. */
export function readable(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(readable).join('\n');
  if (typeof value !== 'object' || value === null) return '';
  return Object.values(value).map(readable).join('\n');
}

/** Every payload in a value, decrypted: arguments, results, failures. */
export async function decoded(value: unknown, codec: PayloadCodec): Promise<string[]> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return [];
  if ('metadata' in value && 'data' in value && value.data instanceof Uint8Array) {
    const [payload] = await codec.decode([
      { metadata: value.metadata as Record<string, Uint8Array>, data: value.data },
    ]);
    return [Buffer.from(payload?.data ?? []).toString()];
  }
  const parts = await Promise.all(Object.values(value).map((one) => decoded(one, codec)));
  return parts.flat();
}
