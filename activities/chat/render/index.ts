export { approvalCard, isCardCut } from './approval.ts';
export { NO_BUDGET, WEB_BUDGET } from './budget.ts';
export { type Html, toHtml } from './html.ts';
export { effectQuestion, receiptLine, replyMessage } from './messages.ts';
export { argumentItems, type Item, readPayload, requestItems, targetItems } from './payload.ts';
