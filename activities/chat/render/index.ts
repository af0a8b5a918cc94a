export { type ApprovalCard, type ApprovalFacts, approvalCard, isCardCut } from './approval.ts';
export { NO_BUDGET, WEB_BUDGET } from './budget.ts';
export { type Html, type HtmlOptions, toHtml } from './html.ts';
export { renderMarkdown } from './markdown.ts';
export { type EffectFacts, effectQuestion, receiptLine, refusal, replyMessage } from './messages.ts';
export { formatTime } from './time.ts';
