import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '#activities/index.ts';
import { TASK_QUEUES } from './names.ts';

// Short questions the panel asks of the outside. The answer lies in the database; a problem is an answer too.
const { answerDocument, answerModules, answerTest } = proxyActivities<Activities>({
  taskQueue: TASK_QUEUES.tools,
  startToCloseTimeout: '30 seconds',
  heartbeatTimeout: '15 seconds',
  retry: { maximumAttempts: 2 },
});

/** Fetches an OpenAPI document by its URL, the question, through egress (RULES S5). Carries ids only (RULES R1): a URL may hold a secret. */
export async function fetchDocument(input: { orgId: string; answerId: string; questionId: string }): Promise<void> {
  await answerDocument(input);
}

/** Asks a module server that is being connected for its list; the question is sealed and lies in the database. */
export async function listModules(input: { orgId: string; answerId: string; questionId: string }): Promise<void> {
  await answerModules(input);
}

/** "Test connection" is a workflow, never a call from web. */
export async function testConnection(input: { orgId: string; answerId: string; connectionId: string }): Promise<void> {
  await answerTest(input);
}
