import type { Inbound } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';

/** What became of an Inbound. `refused` carries the polite line for the person; nothing ran. */
export type Received =
  | { kind: 'run'; runId: string; threadId: string; isReplay: boolean }
  | { kind: 'command'; threadId: string; text: string; isReplay: boolean }
  | { kind: 'refused'; text: string; isReplay: boolean };

export interface DecisionInput {
  decision: 'approve' | 'deny';
  payloadSha256: string;
  comment?: string;
  surface: 'web' | 'api' | 'slack' | 'discord';
  /** The card that was clicked, for buttons: its place must be the stored one (RULES A2). */
  card?: { platform: string; tenant: string; channel: string; message: string };
}

/** Every refusal says who decided, or what to do next. */
export type Decided =
  | { kind: 'decided'; status: 'approved' | 'denied'; decidedBy: string; decidedAt: string }
  | { kind: 'already'; status: string; decidedBy: string | null; text: string }
  | { kind: 'changed'; text: string }
  | { kind: 'expired'; text: string }
  | { kind: 'forbidden'; text: string }
  | { kind: 'not_found'; text: string };

export type Resolved =
  | { kind: 'resolved' }
  | { kind: 'already'; text: string }
  | { kind: 'forbidden'; text: string }
  | { kind: 'not_found'; text: string };
export type Stopped =
  | { kind: 'stopping' }
  | { kind: 'ended'; status: string }
  | { kind: 'forbidden'; text: string }
  | { kind: 'not_found'; text: string };

/** The one door for bots and web into everything that happens (DESIGN: folders). */
export interface Client {
  /** Stores the event, its message and its run in one transaction, then starts the workflow (RULES I1–I4). Safe to repeat. */
  receive(inbound: Inbound): Promise<Received>;
  /** The only way to decide an approval (RULES A2). */
  decide(actor: Actor, approvalId: string, input: DecisionInput): Promise<Decided>;
  /** Asks a run to stop (RULES R5). */
  stop(actor: Actor, runId: string): Promise<Stopped>;
  /** Answers the question an ambiguous effect asks (RULES E6). */
  resolveEffect(
    actor: Actor,
    effectId: string,
    answer: { outcome: 'sent' | 'not_sent'; externalId?: string },
  ): Promise<Resolved>;
  /** Fetches a document for a new connection through egress, as a workflow; returns its text. Throws `UserError`. */
  fetchDocument(actor: Actor, url: string): Promise<string>;
  /** Calls the connection harmlessly, as a workflow; a sentence. Throws `UserError`. */
  testConnection(actor: Actor, connectionId: string): Promise<string>;
  /** Whether Temporal answers. */
  isAlive(): Promise<boolean>;
}
