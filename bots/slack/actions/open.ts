import { denyModal, editModal, fullViewModal } from '#activities/chat/render/slack/index.ts';
import { findApproval } from '#db/lists.ts';
import { type ApprovalView, mayEdit, whyNot } from '#db/views/index.ts';
import type { Act, Click } from '#bots/slack/click.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';
import { formOf, GONE } from '#bots/slack/modals/edit.ts';
import { metaOf } from '#bots/slack/modals/meta.ts';
import { openModal, tell } from '#bots/slack/private.ts';
import { OTHER_CARD, readClicked, whyOther } from './card.ts';

// The card's buttons that ask for more before anything happens. Each modal carries ids and what its card shows; the submit checks all of it again.

type Clicked = NonNullable<Awaited<ReturnType<typeof readClicked>>>;

/** Goes on with a click on a card of ours that still waits; anything else is said privately. */
const onPending =
  (open: (deps: SlackBotDeps, click: Click, clicked: Clicked) => Promise<void>): Act =>
  async (deps, click, id) => {
    const clicked = await readClicked(deps, click, id);
    if (!clicked) return tell(deps, click, await whyOther(deps, click, `approval:${id}`, OTHER_CARD));
    const { view } = clicked;
    return view.status === 'pending' ? open(deps, click, clicked) : tell(deps, click, settled(view));
  };

function settled({ status, decidedByName }: ApprovalView): string {
  if (status === 'superseded') return 'This was edited. Decide on what took its place.';
  return decidedByName ? `${decidedByName} already ${status} this.` : `This approval is ${status}.`;
}

/** Deny asks for a reason first. */
export const deny = onPending(async (deps, click, clicked) => {
  const why = whyNot(click.actor, clicked.view);
  if (why) return tell(deps, click, why);
  const meta = metaOf(click, clicked);
  return openModal(deps, click, denyModal({ approvalId: clicked.view.id, summary: clicked.view.summary, meta }));
});

/** Edit asks for the arguments, in a form made of the tool's schema (RULES A4). */
export const edit = onPending(async (deps, click, clicked) => {
  const { view } = clicked;
  if (!mayEdit(click.actor, view)) return tell(deps, click, 'Whoever may decide this, or asked for it, may edit it.');
  const form = await formOf(deps, click.orgId, view);
  if (!form) return tell(deps, click, GONE);
  const editUrl = `${deps.config.publicUrl}/approvals/${view.id}/edit`;
  return openModal(deps, click, editModal({ ...form, summary: view.summary, editUrl, meta: metaOf(click, clicked) }));
});

const NOT_YOURS = 'Only whoever asked for this, or may decide it, sees all of it.';

/** The whole payload; whoever may decide approves there. */
export const view: Act = async (deps, click, id) => {
  const clicked = await readClicked(deps, click, id);
  if (!clicked) return tell(deps, click, await whyOther(deps, click, `approval:${id}`, OTHER_CARD));
  const { actor, orgId } = click;
  const seen = await deps.db.withOrg(orgId, (org) => findApproval(org, actor, id));
  if (!seen) return tell(deps, click, NOT_YOURS);
  return openModal(deps, click, fullView(deps, click, clicked));
};

/** The full view as this person gets it: with Approve while it waits and they may decide. */
export const fullView = (
  deps: SlackBotDeps,
  click: Parameters<typeof metaOf>[0] & Pick<Click, 'actor'>,
  clicked: Clicked,
) =>
  fullViewModal({
    facts: clicked.view,
    canApprove: clicked.view.status === 'pending' && whyNot(click.actor, clicked.view) === null,
    panelUrl: `${deps.config.publicUrl}/approvals/${clicked.view.id}`,
    meta: metaOf(click, clicked),
  });
