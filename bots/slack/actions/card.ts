import { HOME_BUDGET, SLACK_BUDGET, slackCard } from '#activities/chat/render/slack/index.ts';
import { isId } from '#core/ids.ts';
import { findCard, readApproval } from '#db/approvals.ts';
import { isBeingPosted } from '#db/slack-posts.ts';
import { type ApprovalView, viewOf } from '#db/views/index.ts';
import { cardAt, type Click } from '#bots/slack/click.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';

export const OTHER_CARD = 'This is not the card that was sent. Decide on the original.';

const NOT_YET = 'This was posted just now. Press it again in a moment.';

/** Why a click is not on what it names: that is something else, or it was posted a moment ago and is not on record yet. */
export async function whyOther(
  { db }: Pick<SlackBotDeps, 'db'>,
  { orgId, tenant, channel, message }: Pick<Click, 'orgId' | 'tenant' | 'channel' | 'message'>,
  key: `approval:${string}` | `effect:${string}`,
  other: string,
): Promise<string> {
  if (channel === null || message === null) return other;
  const isNew = await db.withOrg(orgId, (org) => isBeingPosted(org, key, { tenant, channel, ts: message }));
  return isNew ? NOT_YET : other;
}

/** The approval of a card that was clicked, when there is such a card at that very place (RULES A2). */
export async function readClicked(
  { db }: Pick<SlackBotDeps, 'db'>,
  click: Pick<Click, 'tenant' | 'channel' | 'message' | 'isHome' | 'userId' | 'orgId'>,
  approvalId: string,
): Promise<{ view: ApprovalView; shownSha256: string } | undefined> {
  if (!isId(approvalId)) return undefined;
  return db.withOrg(click.orgId, async (org) => {
    const [card] = await findCard(org, { ...cardAt(click, approvalId), approvalId });
    const approval = card && (await readApproval(org, approvalId));
    return card && approval && { view: await viewOf(org, approval), shownSha256: card.payloadSha256 };
  });
}

/** Whether the card that was clicked leaves anything of the payload out, so that the full view must come first (RULES A1). */
export function isCut(
  { config }: Pick<SlackBotDeps, 'config'>,
  { isHome }: Pick<Click, 'isHome'>,
  view: ApprovalView,
): boolean {
  const budget = isHome ? HOME_BUDGET : SLACK_BUDGET;
  const { blocks } = slackCard({ ...view, status: 'pending' }, { publicUrl: config.publicUrl, budget });
  const buttons = blocks.flatMap((block) => (block.kind === 'buttons' ? block.items : []));
  return !buttons.some(({ id, disabled }) => id === `approve:${view.id}` && !disabled);
}
