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
}

export interface Button {
  /** Opaque: an id of ours, never an argument. */
  id: string;
  label: string;
  style?: 'primary' | 'danger';
  url?: string;
  disabled?: boolean;
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
  /** Shows what is being done now; losing one is harmless. */
  status(orgId: string, at: ThreadRef, text: string | null): Promise<void>;
}
