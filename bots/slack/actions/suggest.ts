import { postsOfMessage } from '#db/slack-posts.ts';
import { suggestionsOf } from '#db/suggestions.ts';
import type { Act, Click } from '#bots/slack/click.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';
import { tell } from '#bots/slack/private.ts';

const GONE = 'That suggestion is not there any more. Type what you want instead.';

/** A suggested next message: said by whoever clicked, in the same thread. What it says is what we stored, never what the button says. */
export const suggest: Act = async (deps, click, index) => {
  const found = await readSuggestion(deps, click, Number(index));
  if (!found) return tell(deps, click, GONE);
  const { tenant, sender, sourceKey } = click;
  const received = await deps.client.receive({
    sourceKey,
    where: { platform: 'slack', tenant, channel: click.channel ?? '', thread: found.thread },
    sender,
    text: found.text,
    isDirect: isDirect(click.channel ?? ''),
  });
  if (received.kind === 'refused') await tell(deps, click, received.text);
};

/** Between the app and one person. */
export const isDirect = (channel: string): boolean => channel.startsWith('D');

async function readSuggestion(
  { db }: SlackBotDeps,
  { orgId, tenant, channel, message }: Click,
  index: number,
): Promise<{ text: string; thread: string } | undefined> {
  if (channel === null || message === null) return undefined;
  return db.withOrg(orgId, async (org) => {
    const [post] = await postsOfMessage(org, { tenant, channel, ts: message });
    const runId = /^reply:(.+)$/.exec(post?.key ?? '')?.[1];
    const text = runId === undefined ? undefined : (await suggestionsOf(org, runId))[index];
    return post && text !== undefined ? { text, thread: post.thread || message } : undefined;
  });
}
