import { newId } from '#core/ids.ts';
import type { Client } from '#workflows/client.ts';

/** What the web role asks of Temporal's side, answered as if nothing were there; a test replaces what it looks at. */
export const idleClient = (replaced: Partial<Client> = {}): Client => ({
  receive: async () => ({ kind: 'run', runId: newId(), threadId: newId(), isReplay: false }),
  note: async () => ({ orgId: null, isReplay: false }),
  findActor: async () => ({ refused: 'I do not know you yet.', reason: 'unlinked', orgId: null }),
  isInThread: async () => false,
  decide: async () => ({ kind: 'not_found', text: 'There is no such approval, or you may not see it.' }),
  decideOnCard: async () => ({ kind: 'not_found', text: 'There is no such approval, or you may not see it.' }),
  editApproval: async () => ({ kind: 'not_found', text: 'There is no such approval, or you may not see it.' }),
  stop: async () => ({ kind: 'not_found', text: 'There is no such run, or you may not see it.' }),
  stopThread: async () => ({ stopped: [] }),
  resolveEffect: async () => ({ kind: 'not_found', text: 'There is no such effect, or you may not see it.' }),
  fetchDocument: async () => '{}',
  listModules: async () => '{"modules":[]}',
  testConnection: async () => 'It answered.',
  openHome: async () => {},
  isAlive: async () => true,
  ...replaced,
});
