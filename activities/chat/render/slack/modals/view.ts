import type { KnownBlock, ModalView } from '@slack/types';
import { type ApprovalFacts, approvalCard } from '#activities/chat/render/approval.ts';
import { NO_BUDGET } from '#activities/chat/render/budget.ts';
import { line } from '#activities/chat/render/slack/elements.ts';
import { messagePieces } from '#activities/chat/render/slack/message.ts';
import type { Meta } from '#activities/chat/render/slack/types.ts';
import { fitsView, linkBlocks, modal } from './frame.ts';

export interface FullView {
  facts: ApprovalFacts;
  /** This person may decide, and it still waits. */
  canApprove: boolean;
  /** The approval's page in the panel. */
  panelUrl: string;
  meta: Meta;
}

/** The whole payload, nothing cut (RULES A1): its submit is Approve. What even a modal cannot hold is approved in the panel. */
export function fullViewModal({ facts, canApprove, panelUrl, meta }: FullView): ModalView {
  const card = approvalCard({ ...facts, budget: NO_BUDGET, panelUrl: null });
  const blocks = messagePieces({ ...card, blocks: card.blocks.filter(({ kind }) => kind !== 'buttons') }).flatMap(
    (piece): KnownBlock[] => ('blocks' in piece ? piece.blocks : []),
  );
  const link = linkBlocks({ label: 'Open in the panel', url: panelUrl });
  const frame = { callbackId: 'view', title: 'Full payload', meta: { ...meta, approvalId: facts.id } };
  const isSure = canApprove && facts.status === 'pending';
  const whole = modal({ ...frame, blocks: [...blocks, ...link], ...(isSure ? { submit: 'Approve' } : {}) });
  if (fitsView(whole)) return whole;
  return modal({ ...frame, blocks: [...blocks.slice(0, 1), line(TOO_LONG), ...link] });
}

const TOO_LONG =
  'This payload is too long for Slack to show all of it, and only what was shown whole can be approved. Please open it in the panel and decide there; its card can deny it, too.';
