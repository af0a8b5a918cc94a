import { errorText, PlatformFailure } from '#core/errors.ts';
import { claimEvent } from '#db/inbox.ts';
import { makeLink } from '#db/slack-links.ts';
import { claimTelling, forgetTelling } from '#db/slack-people.ts';
import type { Received, Refusal } from '#workflows/client.ts';
import type { Answer, SlackBotDeps } from './deps.ts';
import { HEARD, rowOf, type Ears, type HeardEvent } from './ears.ts';
import { isIm, type Placed } from './said.ts';
import { lineOfUnknown, NOT_LOOKED_UP, type Unknown } from './unknown.ts';

/** Who they are decides, so one polite line a day is enough. */
const ONCE: readonly Refusal[] = ['stranger', 'guest', 'account_off', 'deactivated', 'unlinked'];
/** Nobody to tell, or nothing to tell with. */
const NEVER: readonly Refusal[] = ['bot', 'unknown_tenant'];
/** Worth telling those who did not call the bot, but went on in its thread. */
const ALSO_UNCALLED: readonly Refusal[] = ['busy', 'text'];

export interface Listener {
  orgId: string;
  tenant: string;
  said: Placed;
  /** They called the bot, or wrote to it alone. */
  isCalled: boolean;
}

/** Tells one person, privately, why nothing happens (RULES A7). Call it once the delivery is acknowledged. */
export async function tellRefused(
  deps: SlackBotDeps,
  listener: Listener,
  { reason, text }: Extract<Received, { kind: 'refused' }>,
): Promise<void> {
  if (NEVER.includes(reason) || (!listener.isCalled && !ALSO_UNCALLED.includes(reason))) return;
  const { orgId, tenant, said } = listener;
  const whom = { tenant, externalId: said.user };
  const isOnce = ONCE.includes(reason);
  if (isOnce && !(await deps.db.withOrg(orgId, (org) => claimTelling(org, whom)))) return;
  const line = reason === 'unlinked' ? await lineWithLink(deps, listener) : text;
  const isSent = await tellPrivately(deps, listener, line);
  if (isOnce && !isSent) await deps.db.withOrg(orgId, (org) => forgetTelling(org, whom));
}

/** The request of somebody whom Slack lastingly does not name is refused: stored once, as every other, and they are told at each, for it is no fault of theirs. */
export async function refuseUnknown(
  { deps, later }: Pick<Ears, 'deps' | 'later'>,
  heard: HeardEvent,
  said: Placed,
  unknown: Unknown,
): Promise<Answer> {
  const { orgId, tenant } = heard.at;
  const { signature, ...row } = rowOf(heard, 'refused', NOT_LOOKED_UP, said.user);
  const isNew = await deps.db.withOrg(orgId, (org) =>
    claimEvent(org.tx, { ...row, orgId }, { signature, isRequest: true, isAddressed: said.type === 'app_mention' }),
  );
  if (isNew) later.add(() => tellPrivately(deps, { orgId, tenant, said }, lineOfUnknown(unknown)));
  return HEARD;
}

/** For one person only: the link ties this Slack account to whoever opens it signed in. */
async function lineWithLink({ db, config }: SlackBotDeps, { orgId, tenant, said }: Listener): Promise<string> {
  const { token } = await db.withOrg(orgId, (org) => makeLink(org, { tenant, externalId: said.user }));
  const url = `${config.publicUrl}/link/${token}`;
  return `I do not know you yet. Link your Slack account to your account at Abetworks, then ask me again: ${url} (for you alone, for 15 minutes; /abet connect gives a new one). No account yet? Ask an admin to invite you.`;
}

/** A line that nobody else sees: in a direct message an ordinary one. False: Slack says that it did not go out. */
export async function tellPrivately(
  { slack, log }: SlackBotDeps,
  { orgId, tenant, said }: Omit<Listener, 'isCalled'>,
  text: string,
): Promise<boolean> {
  const { channel, user, thread_ts, ts } = said;
  const line = { channel, text: escape(text), unfurl_links: false, unfurl_media: false };
  try {
    if (isIm(said)) await slack.call({ orgId, tenant }, 'chat.postMessage', { ...line, thread_ts: thread_ts ?? ts });
    else
      await slack.call({ orgId, tenant }, 'chat.postEphemeral', {
        ...line,
        user,
        ...(thread_ts !== undefined && { thread_ts }),
      });
    return true;
  } catch (error) {
    if (!(error instanceof PlatformFailure)) throw error;
    log.warn({ tenant, error: errorText(error) }, 'a polite line did not go out');
    return error.kind === 'unclear';
  }
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
