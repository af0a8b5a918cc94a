import { z } from 'zod';
import { claimEvent } from '#db/inbox.ts';
import { PlatformFailure } from '#core/errors.ts';
import { findInstallation, removeInstallation } from '#db/slack-installations.ts';
import type { Answer } from '#bots/slack/deps.ts';
import { HEARD, rowOf, type Ear, type Ears, type HeardEvent } from '#bots/slack/ears.ts';
import { zList } from '#bots/slack/envelope.ts';

/** Slack repeats an event for a day at most ("Delayed events", docs.slack.dev/apis/events-api), so an older one is no repeat, whatever its time says. */
const REPEATED_FOR_MS = 25 * 3_600_000;

const zRevoked = z.object({ tokens: z.object({ bot: zList }).catch({ bot: [] }) });

/** The app was taken out of a workspace. */
export const uninstalledEar: Ear = {
  types: ['app_uninstalled'],
  hear: (ears, heard) =>
    remove(ears, heard, 'uninstalled', 'Slack says that the app was taken out of this workspace. Install it again.'),
};

/** Its bot token was revoked; tokens of people are not ours. */
export const revokedEar: Ear = {
  types: ['tokens_revoked'],
  hear: async (ears, heard) => {
    if (zRevoked.parse(heard.event).tokens.bot.length > 0)
      return remove(ears, heard, 'revoked', 'Slack revoked the token of this workspace. Install the app again.');
    await ears.deps.client.note(rowOf(heard, 'ignored', 'tokens_revoked', undefined));
    return HEARD;
  },
};

/** In one transaction with the event: a late replay must not take away what was installed since, nor an event that comes late itself. */
async function remove(
  { deps, workspaces }: Ears,
  heard: HeardEvent,
  why: 'uninstalled' | 'revoked',
  problem: string,
): Promise<Answer> {
  const { orgId, tenant } = heard.at;
  if (await worksSince(deps, heard)) {
    await deps.client.note(rowOf(heard, 'ignored', 'late', undefined));
    return HEARD;
  }
  const { signature, ...row } = rowOf(heard, 'command', why, undefined);
  await deps.db.withOrg(orgId, async (org) => {
    if (!(await claimEvent(org.tx, { ...row, orgId }, { signature }))) return;
    await removeInstallation(org, tenant, why, { actor: 'system', problem });
  });
  workspaces.forget(tenant);
  deps.slack.forget({ orgId, tenant });
  return HEARD;
}

/** Installed again since Slack took it out, as the clocks say, and its token works. Throws while Slack cannot say: then the event shall come again. */
async function worksSince({ db, slack }: Ears['deps'], { envelope, at }: HeardEvent): Promise<boolean> {
  const found = await db.withOrg(at.orgId, (org) => findInstallation(org, at.tenant));
  if (found?.status !== 'active' || envelope.event_time === undefined) return false;
  const lateByMs = found.updatedAt.getTime() - envelope.event_time * 1000;
  if (lateByMs <= 0 || lateByMs > REPEATED_FOR_MS) return false;
  try {
    await slack.call(at, 'auth.test', {});
    return true;
  } catch (error) {
    if (error instanceof PlatformFailure && error.kind === 'refused') return false;
    throw error;
  }
}
