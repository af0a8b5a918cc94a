import { editBlockOf, type EditForm, readEdit, readReason } from '#activities/chat/render/slack/index.ts';
import { readPayload } from '#activities/chat/render/index.ts';
import { inputSchemaIn } from '#activities/integrations/index.ts';
import { UserError } from '#core/errors.ts';
import { storable } from '#core/text.ts';
import { usableConnections } from '#db/usable-connections.ts';
import type { ApprovalView } from '#db/views/index.ts';
import { OTHER_CARD, readClicked } from '#bots/slack/actions/card.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';
import { readCardMeta } from './meta.ts';
import { closed, fieldErrors, notice, type OnSubmit, stale } from './submit.ts';

export const GONE = 'The tool of this request is no longer there, so it cannot be edited. Deny it, and ask again.';
const REASON_LENGTH = 2_000;

/** The form of a waiting request's arguments; null when its tool has gone. */
export async function formOf(
  { db }: Pick<SlackBotDeps, 'db'>,
  orgId: string,
  view: ApprovalView,
): Promise<EditForm | null> {
  const usable = await db.withOrg(orgId, (org) => usableConnections(org, view.requestedBy));
  const schema = inputSchemaIn(usable, view);
  return schema && { schema, args: readPayload(view.payloadText).arguments };
}

/** The arguments as they shall be: validated, hashed and asked anew (RULES A4). */
export const submitEdit: OnSubmit = async (deps, submit) => {
  const { orgId, tenant, userId, values, privateMetadata } = submit;
  const meta = readCardMeta(privateMetadata);
  if (!meta) return stale();
  const at = { orgId, tenant, userId, channel: meta.channel, message: meta.ts, isHome: false };
  const clicked = await readClicked(deps, at, meta.approvalId);
  if (!clicked) return notice('Not edited', OTHER_CARD);
  if (clicked.shownSha256 !== meta.sha) return stale();
  const form = await formOf(deps, orgId, clicked.view);
  if (!form) return notice('Not edited', GONE);
  const read = readEdit(values, form);
  if ('errors' in read) return fieldErrors(read.errors);
  const comment = storable(readReason(values).slice(0, REASON_LENGTH));
  try {
    const edited = await deps.client.editApproval(submit.actor, meta.approvalId, {
      input: read.input,
      payloadSha256: meta.sha,
      ...(comment === '' ? {} : { comment }),
      surface: 'slack',
    });
    return edited.kind === 'edited' ? closed : notice('Not edited', edited.text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // A refused argument is said at its field; what no field can help with, instead of the form.
    return error.status === 422
      ? fieldErrors({ [editBlockOf(form, error.field)]: error.message })
      : notice('Not edited', error.message);
  }
};
