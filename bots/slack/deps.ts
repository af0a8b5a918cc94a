import type { Logger } from 'pino';
import type { PlatformApi } from '#core/chat.ts';
import type { Config } from '#core/config.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
import type { Client } from '#workflows/client.ts';

/** What calls Slack for us: the composition root hands it in, since ears and mouth are apart. */
export interface SlackCalls extends PlatformApi {
  /** Registers the environment's bot token as the first org's workspace, when there is one; repeatable. */
  ensureEnv(): Promise<'ready' | 'off' | 'unreachable' | 'refused'>;
  /** Drops what is cached of a workspace, such as its token. */
  forget(at: { orgId: string; tenant: string }): void;
}

export interface SlackBotDeps {
  config: Config;
  db: Database;
  client: Client;
  keys: KeyRing;
  log: Logger;
  slack: SlackCalls;
  /** Posts to an interaction's `response_url`, outside the channel's budget (RULES A7). Throws `PlatformFailure`. */
  respond(url: string, message: object): Promise<void>;
  /** Milliseconds; a test turns it. */
  now?: () => number;
}

/** A delivery that was verified and stored. */
export interface Heard {
  /** The org of the workspace. */
  orgId: string;
  /** The team's id, or the enterprise's when the app is installed for all of it. */
  tenant: string;
  /** The key it is stored under. `receive` with this very key turns the stored row into its run: one delivery stays one row (RULES I2). */
  sourceKey: string;
  /** Of one that was stored before, by a process that died before it acted on it: when. */
  storedAt?: Date;
}

/** What Slack is answered. `after` runs once that has gone out; what it throws is logged. */
export interface Answer {
  status: number;
  /** JSON, or text as it is. */
  body?: unknown;
  after?: () => Promise<void>;
}

/** A slash command's form fields, or an interaction's decoded `payload`: verified, and stored before these are called. */
export interface Interactions {
  command(form: Record<string, string>, heard: Heard): Promise<Answer>;
  interaction(payload: Record<string, unknown>, heard: Heard): Promise<Answer>;
}
