export { createClient } from './client/create.ts';
export { createEngine } from './client/engine.ts';
export { startSweeping } from './client/sweep.ts';
export type {
  Client,
  Decided,
  DecisionInput,
  FoundActor,
  Noted,
  NoteInput,
  Received,
  Resolved,
  Stopped,
} from './client/types.ts';
export type { Refusal } from './client/sender.ts';
