import type { Logger } from 'pino';
import type { ChatOut, Platform } from '#core/chat.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
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
  /** `host:port` entries that may be reached although private. */
  egressAllow: readonly string[];
  publicUrl: string;
}
