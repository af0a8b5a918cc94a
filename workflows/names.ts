/** What the workflows are called and where they run: shared by the workflows, the worker and the client. */
export const TASK_QUEUES = {
  /** Workflows, models, chat. */
  chat: 'abw-chat',
  /** Connections: everything that reaches places users name. */
  tools: 'abw-tools',
} as const;

export interface RunRef {
  orgId: string;
  runId: string;
}

export const workflowIdOf = ({ orgId, runId }: RunRef): string => `run:${orgId}:${runId}`;

/** A person's App Home in Slack. */
export interface HomeRef {
  orgId: string;
  tenant: string;
  externalId: string;
}

export const homeIdOf = ({ orgId, tenant, externalId }: HomeRef): string => `home:${orgId}:${tenant}:${externalId}`;

/** It was opened again while it was being shown. */
export const OPENED = 'opened';

/** An empty wake-up: whoever waits reads the database again (RULES A6). */
export const WAKE = 'wake';
