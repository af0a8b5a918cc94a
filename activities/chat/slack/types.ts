import type { PlatformApi } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import type { Installation } from '#db/slack-installations.ts';

/** One org's workspace (team id) or Enterprise (enterprise id): a token belongs to exactly one. */
export interface SlackPlace {
  orgId: string;
  tenant: string;
}

/** What a token says of itself. */
export interface SlackSelf {
  /** The team's id, or the enterprise's when the token is for all of it. */
  tenant: string;
  isEnterprise: boolean;
  teamName: string;
  botUserId: string;
  botId: string | null;
  appId: string | null;
  scopes: string[];
}

/** What Slack hands out at the end of an install. Holds secrets: it is given to `install` and to nothing else. */
export interface SlackGrant extends SlackSelf {
  token: string;
  refreshToken: string | null;
  expiresAt: Date | null;
}

/** How an installation stands now, for the set-up page. `problem`: why it does not work, in a sentence. */
export type InstallationCheck =
  | { ok: true; team: string; botUser: string; scopes: string[]; missing: string[] }
  | { ok: false; problem: string; scopes: string[]; missing: string[] };

export interface SlackFile {
  bytes: Uint8Array;
  /** As Slack's answer says, without parameters, lower case. */
  mimeType: string;
}

export type EnvState = 'ready' | 'off' | 'unreachable' | 'refused';

/** Slack's Web API for every org. Everything that goes out throws `PlatformFailure` only. */
export interface SlackApi extends PlatformApi {
  /** Calls a method with the token of this place; the answer is narrowed by the caller. Another org's or an unknown place: refused 'not_installed'. */
  call(at: SlackPlace, method: string, args: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Whom a token belongs to. */
  authTest(token: string): Promise<SlackSelf>;
  /** Registers SLACK_BOT_TOKEN for the first org (RULES D7). `off`: it is not set. `unreachable`: call again later. `refused`: as well, but only a person can change it. Calls share one attempt. */
  ensureEnv(): Promise<EnvState>;
  /** Why SLACK_BOT_TOKEN does not work, in a sentence, or null. Asks Slack once a minute at most. */
  envProblem(): Promise<string | null>;
  /** The place's token, refreshed when it is due. For `call`'s own sake and the few things that are no method, such as a file. */
  tokenOf(at: SlackPlace): Promise<string>;
  /** The bytes of a file in Slack. Refused: 'not_slack' for any other host, 'file_too_large', 'not_a_file' for a sign-in page. */
  download(at: SlackPlace, url: string, options: { maxBytes: number; signal?: AbortSignal }): Promise<SlackFile>;
  /** Where an admin is sent to install the app. Throws `UserError` 409 when SLACK_CLIENT_ID is not set. */
  installUrl(ask: { state: string; challenge: string; redirectUri: string }): string;
  /** The code of Slack's answer to an install → what it grants. Throws `UserError` when Slack no longer takes the code. */
  exchange(code: string, verifier: string, redirectUri: string): Promise<SlackGrant>;
  /** Stores what `exchange` gave. Throws `UserError` 409 when the workspace works for another org. Call `forget` after the commit. */
  install(org: Org, grant: SlackGrant, by: Pick<Actor, 'memberId' | 'apiKey'>): Promise<Installation>;
  /** Asks Slack with the stored token; never throws for Slack's sake. */
  checkInstallation(at: SlackPlace): Promise<InstallationCheck>;
  /** Drops what is remembered of a place's token: it was installed again or removed. */
  forget(at: SlackPlace): void;
}
