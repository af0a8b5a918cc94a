import type { ThreadRef } from '#core/chat.ts';
import { postsOfMessage } from '#db/slack-posts.ts';
import { suggestionsOf } from '#db/suggestions.ts';
import { findThreadAt } from '#db/threads.ts';
import type { Click, Decide } from '#bots/slack/click.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';

const GONE = 'That suggestion is not there any more. Type what you want instead.';

/** A suggested next message: said by whoever clicked, in the same thread. What it says is what we stored, never what the button says. */
export const suggest: Decide = async (deps, click, index) => {
  const found = await readSuggestion(deps, click, Number(index));
  if (!found) return GONE;
  const { sender, sourceKey } = click;
  const received = await deps.client.receive({
    sourceKey,
    where: found.where,
    sender,
    text: found.text,
    isDirect: found.isDirect,
  });
  return received.kind === 'refused' ? received.text : undefined;
};

/** Between a few people and nobody else. Slack's commands say so by the channel's name. */
export const isDirect = (channel: string, name = ''): boolean => channel.startsWith('D') || name.startsWith('mpdm-');

async function readSuggestion(
  { db }: SlackBotDeps,
  { orgId, tenant, channel, message }: Click,
  index: number,
): Promise<{ text: string; where: ThreadRef; isDirect: boolean } | undefined> {
  if (channel === null || message === null) return undefined;
  return db.withOrg(orgId, async (org) => {
    const [post] = await postsOfMessage(org, { tenant, channel, ts: message });
    const runId = /^reply:(.+)$/.exec(post?.key ?? '')?.[1];
    const text = runId === undefined ? undefined : (await suggestionsOf(org, runId))[index];
    if (!post || text === undefined) return undefined;
    const where = { platform: 'slack', tenant, channel, thread: post.thread || message } as const;
    const thread = await findThreadAt(org, where);
    return { text, where, isDirect: thread?.isDirect ?? isDirect(channel) };
  });
}
