/** The chat port: the words every platform's ears (bots) and mouth (activities/chat) share. JSON-safe unless said otherwise. */
export type Platform = 'slack' | 'discord' | 'web';

/** A place: tenant is the Slack team, the Discord guild, or for web the org id. */
export interface ThreadRef {
  platform: Platform;
  tenant: string;
  channel: string;
  thread: string;
}
/** A message that was posted: what `edit` needs, days later. */
export interface MessageRef extends ThreadRef {
  message: string;
}

/** The platform's name for a person. Only `id` is ever used to find the member (RULES I3). */
export interface Sender {
  id: string;
  name: string;
  isBot: boolean;
  isGuest: boolean;
  /** Of another company, in a channel that is shared with it. */
  isStranger?: boolean;
  /** Their account on the platform was switched off. */
  isDeactivated?: boolean;
}

/** A person's message, verified by its adapter. `sourceKey` is RULES I2's key, unique within (platform, tenant). */
export interface Inbound {
  sourceKey: string;
  where: ThreadRef;
  sender: Sender;
  text: string;
  isDirect: boolean;
  /** The run that a person asks for again, which their door has seen them see. */
  againOf?: string;
  files?: readonly InboundFile[];
  /** Messages of others that the person points at: outside text, never the request itself (RULES T1). */
  quotes?: readonly InboundQuote[];
  /** Asked in the middle of a thread that was there before: what was said in it up to here is read, as outside text. */
  readsThread?: boolean;
  /** What the person has open beside the chat, as the platform says: kinds and ids only, no text of anybody. */
  lookingAt?: string;
  /** sha256 of the signature that the platform sent it under: the same one twice is a replay (RULES I1). */
  signature?: string;
}

/** A file beside a message; `url` is fetched with the platform's token when the request runs. */
export interface InboundFile {
  id: string;
  name: string;
  mimeType: string;
  /** In bytes, as the platform says. */
  size: number;
  url: string;
}
export interface InboundQuote {
  /** The platform's id of the message. */
  id: string;
  /** Who wrote it, for people. */
  from: string;
  text: string;
}

export interface Button {
  /** Opaque: an id of ours, never an argument. */
  id: string;
  label: string;
  style?: 'primary' | 'danger';
  url?: string;
  disabled?: boolean;
  /** Asked once more before the click counts. */
  confirm?: { title: string; text: string; label: string };
}
export type Block =
  | { kind: 'markdown'; text: string }
  | { kind: 'fields'; items: { name: string; value: string }[] }
  | { kind: 'code'; text: string }
  | { kind: 'note'; tone: 'plain' | 'good' | 'bad' | 'warning'; text: string }
  | { kind: 'buttons'; items: Button[] };

/** A message or card, before a platform's renderer. `key` makes posting it twice the same as once. */
export interface Outgoing {
  key: string;
  title?: string;
  blocks: Block[];
  /** Plain text for notifications and readers that show no blocks. */
  fallback: string;
  /** Set on approval cards and effect questions, so that a surface can show live state. */
  subject?: { kind: 'approval' | 'effect' | 'run'; id: string };
  /** An answer that people may say is good or bad. */
  isRated?: boolean;
}

/** What a platform can carry; the renderer splits and cuts to fit. */
export interface ChatBudget {
  textLength: number;
  blocks: number;
  buttons: number;
  fieldLength: number;
}

/**
 * Lives as long as one interaction, in the bot process only; refusals go through it, privately (RULES A7).
 * @public The half of the port that bots implement.
 */
export interface Responder {
  acknowledge(): Promise<void>;
  private(message: Outgoing): Promise<void>;
}

/** Durable: used by activities, works days later with the stored token. */
export interface ChatOut {
  readonly platform: Platform;
  readonly budget: ChatBudget;
  post(orgId: string, to: ThreadRef, message: Outgoing): Promise<MessageRef>;
  edit(orgId: string, at: MessageRef, message: Outgoing): Promise<void>;
  /** Shows how a run stands while people wait for it. May be called often and be lost: it slows itself down, and never throws for the platform's sake. */
  show?(orgId: string, progress: RunProgress): Promise<void>;
}

/** How a run stands, for the people who wait for it. */
export interface RunProgress {
  runId: string;
  where: ThreadRef;
  /** The platform's id of who asked, when they asked there. */
  askedBy: string | null;
  state: 'working' | 'waiting' | 'ended';
  /** One line: what it does now. */
  text: string;
  /** Its tool calls, in order. */
  steps: RunStep[];
}
export interface RunStep {
  id: string;
  title: string;
  state: 'pending' | 'running' | 'done' | 'failed';
}

/** A platform's own API, called with the token of one tenant of one org. The composition root hands it to bots, web and activities. Throws `PlatformFailure`. */
export interface PlatformApi {
  call(
    at: { orgId: string; tenant: string },
    method: string,
    args: Record<string, unknown>,
  ): Promise<Record<string, unknown>>;
}
