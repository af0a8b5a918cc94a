import { isId } from '#core/ids.ts';
import { cardAt, type Decide } from '#bots/slack/click.ts';
import { isCut, OTHER_CARD, readClicked, whyOther } from './card.ts';

const CUT = 'This card leaves some of it out. Open the full view first: you can approve there.';

/** Approve, on the card. A card that does not show everything approves nothing, whatever its button says (RULES A1). */
export const approve: Decide = async (deps, click, id) => {
  if (!isId(id)) return OTHER_CARD;
  const clicked = await readClicked(deps, click, id);
  if (clicked?.view.status === 'pending' && isCut(deps, click, clicked.view)) return CUT;
  const decided = await deps.client.decideOnCard(click.actor, id, { decision: 'approve', card: cardAt(click, id) });
  // What was decided, the card itself shows.
  if (decided.kind === 'decided') return undefined;
  return clicked || decided.text !== OTHER_CARD ? decided.text : whyOther(deps, click, `approval:${id}`, OTHER_CARD);
};
