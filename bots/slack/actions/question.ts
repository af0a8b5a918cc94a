import { isId } from '#core/ids.ts';
import { postsOfMessage } from '#db/slack-posts.ts';
import type { Click } from '#bots/slack/click.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';

export const OTHER_QUESTION = 'This is not the question that was sent. Answer on the original.';

/** Whether the message at a place is the question that we posted for this effect (RULES A2, E6). */
export async function isQuestionOf(
  { db }: Pick<SlackBotDeps, 'db'>,
  { orgId, tenant, channel, message }: Pick<Click, 'orgId' | 'tenant' | 'channel' | 'message'>,
  effectId: string,
): Promise<boolean> {
  if (!isId(effectId) || channel === null || message === null) return false;
  const posts = await db.withOrg(orgId, (org) => postsOfMessage(org, { tenant, channel, ts: message }));
  return posts[0]?.key === `effect:${effectId}`;
}
