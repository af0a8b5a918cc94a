import type { ConnectionLike } from '@temporalio/client';

const AT_ONCE = 8;

/** By key id: how many running workflows hold something that only this key opens. Looks at whole histories, so it takes its time. */
export async function keysOfRunning(
  connection: Pick<ConnectionLike, 'workflowService'>,
  namespace: string,
): Promise<Map<string, number>> {
  const { workflowService } = connection;
  const use = new Map<string, number>();
  let pageToken: Uint8Array | undefined;
  do {
    const { executions, nextPageToken } = await workflowService.listWorkflowExecutions({
      namespace,
      query: 'ExecutionStatus = "Running"',
      pageSize: 200,
      ...(pageToken && { nextPageToken: pageToken }),
    });
    const line = executions.flatMap(({ execution }) => (execution ? [execution] : []));
    const lane = async (): Promise<void> => {
      for (let next = line.pop(); next; next = line.pop())
        for (const keyId of await keysOf(next)) use.set(keyId, (use.get(keyId) ?? 0) + 1);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    pageToken = nextPageToken?.length ? nextPageToken : undefined;
  } while (pageToken);
  return use;

  async function keysOf(execution: { workflowId?: string | null; runId?: string | null }): Promise<Set<string>> {
    const found = new Set<string>();
    let pageToken: Uint8Array | undefined;
    do {
      const { history, nextPageToken } = await workflowService.getWorkflowExecutionHistory({
        namespace,
        execution,
        ...(pageToken && { nextPageToken: pageToken }),
      });
      collect(history?.events, found);
      pageToken = nextPageToken?.length ? nextPageToken : undefined;
    } while (pageToken);
    return found;
  }
}

/** Every `encryption-key-id` in a value: payloads lie at many depths. */
function collect(value: unknown, found: Set<string>): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  if ('encryption-key-id' in value && value['encryption-key-id'] instanceof Uint8Array)
    found.add(Buffer.from(value['encryption-key-id']).toString());
  for (const part of Object.values(value)) collect(part, found);
}
