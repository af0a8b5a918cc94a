import type { Inbound, ThreadRef } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { ModulesQuestion } from '#db/answers.ts';
import type { Account } from '#db/identities.ts';
import type { GivenCall } from '#db/schema/runs.ts';
import type { JsonObject } from '#core/tools.ts';
import type { HomeRef } from '#workflows/names.ts';
import type { Refusal } from './sender.ts';

export interface ReceiveOptions {
  /** The one call the run is about, given instead of chosen by a model (the gateway). Policy and ledger are the same. */
  given?: GivenCall;
  /** The platform itself says that the message is for us, so that one that was stored as not for us becomes a run after all. */
  isAddressed?: boolean;
  /** The tenant's org, when it was read from our tables a moment ago; that it still is, is looked at once more. */
  orgId?: string;
}

/** What became of an Inbound. `refused` carries the polite line for the person; nothing ran. */
export type Received =
  | { kind: 'run'; runId: string; threadId: string; isReplay: boolean }
  | { kind: 'command'; threadId: string; text: string; isReplay: boolean }
  | {
      kind: 'refused';
      text: string;
      /** In one word. */
      reason: Refusal;
      isReplay: boolean;
      /** For now: too many requests are under way. */ isBusy?: true;
    };

/** A delivery of a platform that is no request. */
export interface NoteInput {
  platform: ThreadRef['platform'];
  tenant: string;
  sourceKey: string;
  senderId: string;
  /** `refused`: somebody, or somewhere, may not. `command`: acted on, but not by a run; `receive` under the same key makes it one. */
  outcome: 'ignored' | 'command' | 'refused';
  /** One of our words, never text of theirs. */
  reason: string;
  /** As `Inbound.signature`. */
  signature?: string;
  /** The tenant's org, when it was read from our tables a moment ago. */
  orgId?: string;
  /** Whoever notes it acts on it within this many ms, and settles it then (`settleEvent`); else it is new again when it is delivered again. */
  actMs?: number;
}
export interface Noted {
  /** Null: nobody connected this workspace. */
  orgId: string | null;
  isReplay: boolean;
  /** Of a replay: somebody acts on it just now. */
  isUnderWay?: boolean;
  /** Of what is new again: when it was stored first. */
  storedAt?: Date;
}

export type FoundActor =
  | { actor: Actor; name: string }
  /** A polite line for them, and why: in one word. */
  | { refused: string; reason: Refusal; orgId: string | null };

export interface DecisionInput {
  decision: 'approve' | 'deny';
  payloadSha256: string;
  comment?: string;
  surface: 'web' | 'api' | 'slack' | 'discord';
  /** The card that was clicked, for buttons: its place must be the stored one (RULES A2). */
  card?: { platform: string; tenant: string; channel: string; message: string };
}

/** A decision made on a card, by its button or by the modal that the button opened. */
export interface OnCardInput {
  decision: 'approve' | 'deny';
  comment?: string;
  card: { platform: 'slack' | 'discord'; tenant: string; channel: string; message: string };
  /** Of the payload that a modal showed, when one was open in between. */
  shownSha256?: string;
}

/** Every refusal says who decided, or what to do next. */
export type Refused =
  | { kind: 'already'; status: string; decidedBy: string | null; text: string }
  | { kind: 'changed'; text: string }
  | { kind: 'expired'; text: string }
  | { kind: 'forbidden'; text: string }
  | { kind: 'not_found'; text: string };
export type Decided =
  | { kind: 'decided'; status: 'approved' | 'denied'; decidedBy: string; decidedAt: string }
  | Refused;

export interface EditInput {
  /** All the arguments, as they shall be. */
  input: JsonObject;
  /** Of the payload that the editor read. */
  payloadSha256: string;
  comment?: string;
  surface: 'web' | 'api' | 'slack';
}
export type Edited =
  | { kind: 'edited'; approvalId: string; payloadSha256: string }
  /** The edit is what was there before. */
  | { kind: 'unchanged'; text: string }
  /** The thread has the same request waiting already (RULES R3). */
  | { kind: 'duplicate'; approvalId: string; text: string }
  | Refused;

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
  receive(inbound: Inbound, options?: ReceiveOptions): Promise<Received>;
  /** Remembers a delivery that is no request, once; ids only (RULES I2, I3). */
  note(event: NoteInput): Promise<Noted>;
  /** Who acts with this account: by our tables only (RULES I3). */
  findActor(account: Account): Promise<FoundActor>;
  /** Whether the assistant takes part in a thread: follow-ups there need no mention. `orgId` as in `NoteInput`. */
  isInThread(where: ThreadRef, orgId?: string): Promise<boolean>;
  /** The only way to decide an approval (RULES A2). */
  decide(actor: Actor, approvalId: string, input: DecisionInput): Promise<Decided>;
  /** `decide` for a card's button: the hash is the card's own, and the place must be that card's (RULES A2). */
  decideOnCard(actor: Actor, approvalId: string, input: OnCardInput): Promise<Decided>;
  /**
   * Changes the arguments of what waits (RULES A4): a new approval takes the old one's place, and the editor counts as one who asked. Throws `UserError`:
   * 422 naming the argument that does not fit, 409 when its tool has gone or is off, or after twenty edits.
   */
  editApproval(actor: Actor, approvalId: string, input: EditInput): Promise<Edited>;
  /** Asks a run to stop (RULES R5). */
  stop(actor: Actor, runId: string): Promise<Stopped>;
  /** A platform's own Stop: everything under way in the thread that this person may stop, once per delivery (RULES R5). */
  stopThread(actor: Actor, where: ThreadRef, event: NoteInput): Promise<{ stopped: string[] }>;
  /** Answers the question an ambiguous effect asks (RULES E6). */
  resolveEffect(
    actor: Actor,
    effectId: string,
    answer: { outcome: 'sent' | 'not_sent'; externalId?: string },
  ): Promise<Resolved>;
  /** Fetches a document for a new connection through egress, as a workflow; returns its text. Throws `UserError`. */
  fetchDocument(actor: Actor, url: string): Promise<string>;
  /** Asks the other side of a connection that is being made what it can do, as a workflow; the text of its list. Throws `UserError`. */
  listModules(actor: Actor, question: ModulesQuestion): Promise<string>;
  /** Calls the connection harmlessly, as a workflow; a sentence. Throws `UserError`. */
  testConnection(actor: Actor, connectionId: string): Promise<string>;
  /** Shows a person the App Home that they have just opened in Slack. It is not waited for, and a burst is shown once more at most. */
  openHome(home: HomeRef): Promise<void>;
  /** Whether Temporal answers. */
  isAlive(): Promise<boolean>;
}
