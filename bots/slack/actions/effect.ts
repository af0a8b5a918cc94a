import type { Act, Decide } from '#bots/slack/click.ts';
import { sentModal } from '#bots/slack/modals/sent.ts';
import { openModal, tell } from '#bots/slack/private.ts';
import { whyOther } from './card.ts';
import { isQuestionOf, OTHER_QUESTION } from './question.ts';

/** "It was sent": asks for the other side's id, if it is known. */
export const sent: Act = async (deps, click, id) => {
  if (!(await isQuestionOf(deps, click, id)))
    return tell(deps, click, await whyOther(deps, click, `effect:${id}`, OTHER_QUESTION));
  const meta = { effectId: id, channel: click.channel ?? '', ts: click.message ?? '' };
  return openModal(deps, click, sentModal(meta));
};

/** "It was not sent": it is sent again, under the same effect (RULES E6). */
export const notSent: Decide = async (deps, click, id) => {
  if (!(await isQuestionOf(deps, click, id))) return whyOther(deps, click, `effect:${id}`, OTHER_QUESTION);
  const resolved = await deps.client.resolveEffect(click.actor, id, { outcome: 'not_sent' });
  return resolved.kind === 'resolved' ? undefined : resolved.text;
};
