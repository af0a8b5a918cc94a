import type { Workspace } from '#db/slack-workspaces.ts';
import type { NoteInput } from '#workflows/client.ts';
import type { Channels } from './channels.ts';
import type { Answer, SlackBotDeps } from './deps.ts';
import { NOBODY, type Envelope } from './envelope.ts';
import type { Later } from './later.ts';
import type { People, Where } from './people.ts';
import type { Bot } from './said.ts';
import type { Workspaces } from './workspaces.ts';

/** What every part of hearing shares, for as long as the process lives. */
export interface Ears {
  deps: SlackBotDeps;
  people: People;
  channels: Channels;
  workspaces: Workspaces;
  later: Later;
}

/** One event of a workspace that is ours. */
export interface HeardEvent {
  envelope: Envelope;
  event: Record<string, unknown>;
  workspace: Workspace;
  at: Where;
  bot: Bot;
  /** RULES I2. */
  sourceKey: string;
  /** sha256 of what it was signed with; a socket has none. */
  signature: string | undefined;
}

/** What happens on some types of events. Each leaves exactly one row, and answers once that is stored (RULES I1). */
export interface Ear {
  types: readonly string[];
  hear(ears: Ears, heard: HeardEvent): Promise<Answer>;
}

export const HEARD: Answer = { status: 200 };
/** Slack delivers it again. */
export const AGAIN: Answer = { status: 503 };

/** The row of an event, for whoever stores it. */
export const rowOf = (
  { at, sourceKey, signature }: Pick<HeardEvent, 'at' | 'sourceKey' | 'signature'>,
  outcome: NoteInput['outcome'],
  reason: string,
  senderId: string | undefined,
): NoteInput => ({
  platform: 'slack',
  tenant: at.tenant,
  sourceKey,
  senderId: senderId ?? NOBODY,
  outcome,
  reason,
  ...(signature !== undefined && { signature }),
  ...(at.orgId !== '' && { orgId: at.orgId }),
});
