import { readReason } from '#activities/chat/render/slack/index.ts';
import { storable } from '#core/text.ts';
import { fullView } from '#bots/slack/actions/open.ts';
import { OTHER_CARD, readClicked } from '#bots/slack/actions/card.ts';
import { placeOf, readCardMeta } from './meta.ts';
import { closed, notice, type OnSubmit, stale } from './submit.ts';

const REASON_LENGTH = 2_000;

/** Deny, with the reason if one was typed. */
export const submitDeny: OnSubmit = async ({ client }, { actor, tenant, values, privateMetadata }) => {
  const meta = readCardMeta(privateMetadata);
  if (!meta) return stale();
  const comment = storable(readReason(values).slice(0, REASON_LENGTH));
  const decided = await client.decideOnCard(actor, meta.approvalId, {
    decision: 'deny',
    ...(comment === '' ? {} : { comment }),
    card: placeOf(tenant, meta),
    shownSha256: meta.sha,
  });
  return decided.kind === 'decided' ? closed : notice('Not denied', decided.text);
};

/** Approve, in the full view: the only way for a card that does not show everything (RULES A1). */
export const submitView: OnSubmit = async (deps, submit) => {
  const { actor, tenant, orgId, userId, privateMetadata } = submit;
  const meta = readCardMeta(privateMetadata);
  if (!meta) return stale();
  const at = { orgId, tenant, userId, channel: meta.channel, message: meta.ts, isHome: false };
  const clicked = await readClicked(deps, at, meta.approvalId);
  if (!clicked) return notice('Not approved', OTHER_CARD);
  // A payload that even the full view cannot hold is approved in the panel, where all of it shows.
  if (clicked.view.status === 'pending' && !fullView(deps, { ...at, actor }, clicked).submit)
    return notice('Not approved', 'You cannot approve this here. Open it in the panel.');
  const decided = await deps.client.decideOnCard(actor, meta.approvalId, {
    decision: 'approve',
    card: placeOf(tenant, meta),
    shownSha256: meta.sha,
  });
  return decided.kind === 'decided' ? closed : notice('Not approved', decided.text);
};
