import type { Logger } from 'pino';
import type { Config } from '#core/config.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Database } from '#db/client.ts';
import type { Client } from '#workflows/client.ts';
import type { Metrics } from './metrics.ts';
import type { SlackSetup } from './slack.ts';

/** What the composition root hands to the web role. */
export interface WebDeps {
  config: Config;
  db: Database;
  client: Client;
  keys: KeyRing;
  log: Logger;
  /** Parts other than the database and Temporal, by name: true when working. */
  health?: () => Promise<Record<string, boolean>>;
  /** What GET /metrics shows; without it, this process's own only. */
  metrics?: Metrics;
  /** What chat platforms send, by path: they prove themselves with signatures, and need neither a session nor a key. */
  doors?: Readonly<Record<string, (request: Request) => Promise<Response>>>;
  slack?: SlackSetup;
  /** "rules (no key set)" or "anthropic/claude-haiku-5-5", for the pages. */
  modelName: string;
}
