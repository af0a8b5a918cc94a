import type { ModalView } from '@slack/types';
import { z } from 'zod';
import { isId } from '#core/ids.ts';
import { zText } from '#core/text.ts';
import { isQuestionOf, OTHER_QUESTION } from '#bots/slack/actions/question.ts';
import { readMeta } from './meta.ts';
import { closed, fieldErrors, notice, type OnSubmit, stale } from './submit.ts';

const zSentMeta = z.object({ effectId: z.string().refine(isId), channel: z.string(), ts: z.string() });
/** As the panel and the API take it. */
const ID_LENGTH = 500;
const FIELD = 'external_id';

const plain = (text: string) => ({ type: 'plain_text' as const, text });

/** Asks for the id that the other side gave to what was sent. */
export const sentModal = (meta: z.infer<typeof zSentMeta>): ModalView => ({
  type: 'modal',
  callback_id: 'sent',
  private_metadata: JSON.stringify(meta),
  title: plain('It was sent'),
  submit: plain('Save'),
  close: plain('Cancel'),
  blocks: [
    {
      type: 'input',
      block_id: FIELD,
      optional: true,
      label: plain('Its id on the other side'),
      hint: plain('It goes on record beside the receipt. Leave it empty if you do not know it.'),
      element: { type: 'plain_text_input', action_id: FIELD, max_length: ID_LENGTH },
    },
  ],
});

export const submitSent: OnSubmit = async (deps, { actor, orgId, tenant, values, privateMetadata }) => {
  const meta = readMeta(zSentMeta, privateMetadata);
  if (!meta) return stale();
  const { effectId, channel, ts } = meta;
  if (!(await isQuestionOf(deps, { orgId, tenant, channel, message: ts }, effectId)))
    return notice('Not recorded', OTHER_QUESTION);
  const typed = values[FIELD]?.[FIELD]?.value?.trim() ?? '';
  const externalId = typed === '' ? undefined : zText(ID_LENGTH).safeParse(typed);
  if (externalId && !externalId.success)
    return fieldErrors({ [FIELD]: externalId.error.issues[0]?.message ?? 'cannot be stored' });
  const resolved = await deps.client.resolveEffect(actor, effectId, {
    outcome: 'sent',
    ...(externalId ? { externalId: externalId.data } : {}),
  });
  return resolved.kind === 'resolved' ? closed : notice('Not recorded', resolved.text);
};
