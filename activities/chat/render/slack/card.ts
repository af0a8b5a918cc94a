import type { Outgoing } from '#core/chat.ts';
import { type ApprovalCard, type ApprovalFacts, approvalCard, isCardCut } from '#activities/chat/render/approval.ts';
import type { CardBudget } from '#activities/chat/render/budget.ts';
import { messagePieces } from './message.ts';
import { pack } from './split.ts';

/** A card is one message: half of one must never be approved. */
const fits = (card: Outgoing): boolean => pack(messagePieces(card)).length <= 1;

/** What a card in Slack carries. `fits` cuts it further when its characters take more room than usual. */
export const SLACK_BUDGET: CardBudget = { textLength: 5_000, blocks: 16, buttons: 5, fieldLength: 1_500, fits };

export interface SlackCardOptions {
  /** Where the panel is, without a slash at its end. */
  publicUrl: string;
  /** Less room: several cards share a view. */
  budget?: CardBudget;
}

/** An approval's card for Slack: with Edit, the full payload in a modal and a link to the panel. */
export const slackCard = (facts: ApprovalFacts, options: SlackCardOptions): Outgoing =>
  approvalCard(cardOf(facts, options));

/** Whether that card leaves anything out, so that only the full view may approve (RULES A1). */
export const isSlackCardCut = (facts: ApprovalFacts, options: SlackCardOptions): boolean =>
  isCardCut(cardOf(facts, options));

const cardOf = (facts: ApprovalFacts, { publicUrl, budget = SLACK_BUDGET }: SlackCardOptions): ApprovalCard => ({
  ...facts,
  budget,
  panelUrl: null,
  openUrl: approvalUrl(publicUrl, facts.id),
  canEdit: true,
});

export const approvalUrl = (publicUrl: string, id: string): string => `${publicUrl}/approvals/${id}`;
