import type { Logger } from 'pino';
import type { ChatOut, Platform, PlatformApi } from '#core/chat.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
import type { PlatformFiles } from './attachments/fetch-file.ts';
import type { Homes } from './chat/slack/home.ts';
import type { Model } from './models/model.ts';

/** What the composition root hands to the worker's activities. */
export interface ActivityDeps {
  db: Database;
  keys: KeyRing;
  log: Logger;
  /** In order of failover, for the first org (RULES D7). */
  models: readonly Model[];
  /** For orgs without a model of their own. */
  fallbackModel: Model;
  chat: Readonly<Partial<Record<Platform, ChatOut>>>;
  /** Slack's App Homes; without Slack there are none. */
  homes?: Homes;
  /** Where files that people attach are fetched from. */
  files?: Readonly<Partial<Record<Platform, PlatformFiles>>>;
  /** Slack's own API, when Slack is set up. */
  slack?: PlatformApi;
  /** `host:port` entries that may be reached although private. */
  egressAllow: readonly string[];
  publicUrl: string;
}
