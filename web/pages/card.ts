import { html } from 'hono/html';
import {
  approvalCard,
  effectQuestion,
  type Html,
  isCardCut,
  NO_BUDGET,
  toHtml,
  WEB_BUDGET,
} from '#activities/chat/render/index.ts';
import type { Button } from '#core/chat.ts';
import { hmacSha256, sameText } from '#core/hash.ts';
import type { KeyRing } from '#core/keys.ts';
import type { Actor } from '#core/roles.ts';
import { type ApprovalView, type EffectView, mayEdit, whyNot } from '#db/views/index.ts';
import { alert, hidden, nothing } from './parts.ts';

// Cards that a person decides on. What they show comes from activities/chat/render; here are their forms.

/** Proof that this member was shown the whole of this payload (RULES A1); only the full view carries it. */
export interface Viewed {
  tokenFor(actor: Actor, approval: ApprovalView): string;
  isFor(token: string, actor: Actor, approval: ApprovalView): boolean;
}
export function createViewed(keys: KeyRing): Viewed {
  const tokenFor = (actor: Actor, { id, payloadSha256 }: ApprovalView): string =>
    hmacSha256(keys.subkey('cookies'), `viewed ${actor.orgId} ${actor.memberId} ${id} ${payloadSha256}`);
  return { tokenFor, isFor: (token, actor, approval) => sameText(token, tokenFor(actor, approval)) };
}

/** The card in a page is cut, so the full view must come before Approve. */
export const needsFullView = (approval: ApprovalView): boolean =>
  isCardCut({ ...approval, budget: WEB_BUDGET, panelUrl: null });

export interface CardOptions {
  actor: Actor;
  viewed: Viewed;
  linkHosts: readonly string[];
  /** The full view: nothing is cut and Approve works. */
  isFull?: boolean;
  /** What the click of this very person led to, shown to them alone. */
  notice?: string | null;
  /** Their reason, kept when the form comes back. */
  comment?: string;
}

/** Enter in a text field presses a form's first button: here that one does nothing, so that nobody approves by Enter. */
const noEnter = html`<button disabled hidden></button>`;

/** An approval with its exact payload and, while it waits, the form to decide. */
export function approvalHtml(approval: ApprovalView, options: CardOptions): Html {
  const { actor, isFull = false } = options;
  const card = approvalCard({
    ...approval,
    budget: isFull ? NO_BUDGET : WEB_BUDGET,
    panelUrl: null,
  });
  const not = whyNot(actor, approval);
  const form = (items: Button[]): Html =>
    not === null ? decideForm(approval, items, options) : waitsFor(approval, not, options);
  return html`<article class="card ${approval.status}" id="approval-${approval.id}" data-approval="${approval.id}">
    ${toHtml(card, { linkHosts: options.linkHosts, buttons: form })}${edits(approval)}${notice(approval.id, options.notice)}
  </article>`;
}

/** From an edited request to what it was, and to what took its place. */
const edits = ({ supersedes, supersededBy }: ApprovalView): Html =>
  supersedes === null && supersededBy === null
    ? nothing
    : html`<p class="meta">
        ${supersededBy ? html`<a href="/approvals/${supersededBy}">The request as it was edited</a>` : nothing}
        ${supersedes ? html`<a href="/approvals/${supersedes}">The request before the edit</a>` : nothing}
      </p>`;

const waitsFor = (approval: ApprovalView, text: string, { actor, isFull = false }: CardOptions): Html =>
  html`<p class="note">${text}</p>
    <div class="decide">
      ${editLink(actor, approval)}${isFull ? nothing : html`<a class="button" href="/approvals/${approval.id}">View full payload</a>`}
    </div>`;

const editLink = (actor: Actor, approval: ApprovalView): Html =>
  mayEdit(actor, approval)
    ? html`<a class="button" href="/approvals/${approval.id}/edit">Edit<span class="hush"> the arguments</span></a>`
    : nothing;

function decideForm(approval: ApprovalView, items: Button[], options: CardOptions): Html {
  const { isFull = false, comment = '', actor, viewed } = options;
  const approve = items.find(({ id }) => id.startsWith('approve:'));
  const path = `/approvals/${approval.id}/decision`;
  return html`<form method="post" action="${path}" hx-post="${path}" hx-target="closest .card" hx-swap="outerHTML">
    ${hidden('payloadSha256', approval.payloadSha256)}${hidden('view', isFull ? 'full' : 'card')}
    ${isFull ? hidden('viewed', viewed.tokenFor(actor, approval)) : nothing} ${noEnter}
    <div class="decide">
      <input
        class="reason"
        name="comment"
        value="${comment}"
        maxlength="2000"
        placeholder="Reason (optional)"
        aria-label="Reason (optional)"
        autocomplete="off"
      />
      <button class="primary" name="decision" value="approve" ${approve?.disabled ? 'disabled' : ''}>Approve</button>
      <button class="danger" name="decision" value="deny">Deny</button>
      ${editLink(actor, approval)}
      ${isFull ? nothing : html`<a class="button" href="/approvals/${approval.id}">View full payload</a>`}
    </div>
  </form>`;
}

/** "Was it sent?", with the form for those who may answer. */
export function effectHtml(
  effect: EffectView,
  options: { actor: Actor; linkHosts: readonly string[]; notice?: string | null },
): Html {
  const path = `/effects/${effect.id}/resolution`;
  const not = whyNot(options.actor, effect);
  const form = (items: Button[]): Html =>
    not === null
      ? html`<form method="post" action="${path}" hx-post="${path}" hx-target="closest .card" hx-swap="outerHTML">
          ${noEnter}
          <div class="decide">
            <input
              class="reason"
              name="externalId"
              maxlength="500"
              placeholder="Id on the other side, if it was sent"
              aria-label="Id on the other side, if it was sent"
              autocomplete="off"
            />
            ${items.map(
              ({ id, label, style }) =>
                html`<button class="${style ?? ''}" name="outcome" value="${id.split(':')[0] ?? ''}">${label}</button>`,
            )}
          </div>
        </form>`
      : html`<p class="note">${not}</p>`;
  const card = effectQuestion(effect);
  return html`<article class="card ${effect.state === 'ambiguous' ? 'pending' : ''}" id="effect-${effect.id}">
    ${toHtml(card, { linkHosts: options.linkHosts, buttons: form })}${notice(effect.id, options.notice)}
  </article>`;
}

/** Stays where it is when live updates redraw the card around it. */
const notice = (id: string, text: string | null | undefined): Html =>
  html`<div class="notice" id="notice-${id}" hx-morph-skip-children>${alert(text)}</div>`;
