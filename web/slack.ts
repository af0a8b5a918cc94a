import type { Actor } from '#core/roles.ts';

/** What the panel does with Slack itself; handed in by the composition root, absent in a web role of tests without Slack. */
export interface SlackSetup {
  /** How Slack is heard: over HTTP, by Socket Mode, both, or not at all. */
  hears: readonly ('http' | 'socket')[];
  /** The environment holds one workspace's token. */
  hasToken: boolean;
  /** Installs from the panel are possible. */
  canInstall: boolean;
  /** What is wrong with a token of the settings, as far as this process knows, each in a sentence that says what to do. */
  problems(): Promise<{ botToken: string | null; appToken: string | null }>;
  /** The app's manifest with this server's address. */
  manifest(mode: 'http' | 'socket'): string;
  /** Slack's page where an admin agrees, bound to who asks. Throws `UserError` 409 when installs are not set up. */
  begin(actor: Actor): Promise<string>;
  /** Trades what Slack handed back for a token. Throws `UserError` with the next step. */
  finish(actor: Actor, returned: { code: string; state: string }): Promise<{ tenant: string }>;
  /** Asks Slack who the bot is and which scopes are missing. */
  check(at: { orgId: string; tenant: string }): Promise<SlackCheck>;
  /** Takes the app out of the workspace, as far as we can, and forgets its token. */
  remove(actor: Actor, tenant: string): Promise<void>;
}
export interface SlackCheck {
  isOk: boolean;
  /** A sentence: who the bot is, or why Slack does not answer. */
  text: string;
  missing: readonly string[];
}
