import { html } from 'hono/html';
import { type Control, type Leaf, shownIn } from '#activities/chat/render/edit/index.ts';
import type { ApprovalView } from '#db/views/index.ts';
import type { Html } from './frame.ts';
import { alert, hidden, nothing } from './parts.ts';

/** What came back with a problem, so that nothing that was typed is lost. */
export interface Again {
  typed: (name: string) => string;
  problems: ReadonlyMap<string, string>;
  /** What is wrong with all of it. */
  text: string;
  comment: string;
}

/** The form to change the arguments of a waiting request (RULES A4). */
export function editForm(approval: ApprovalView, controls: readonly Control[], again: Again | null): Html {
  const ids = new Map(namesOf(controls).map((name, index) => [name, `arg-${index}`]));
  const draw = (control: Control): Html =>
    control.kind === 'group' ? groupHtml(control, draw) : leafHtml(control, ids.get(control.name) ?? '', again);
  return html`<form method="post" action="/approvals/${approval.id}/edit" class="edit">
    ${alert(again?.text)} ${problemList(ids, again)} ${hidden('payloadSha256', approval.payloadSha256)}
    ${controls.map(draw)}
    <div class="field">
      <label for="comment">Why (optional)</label>
      <input id="comment" name="comment" value="${again?.comment ?? ''}" maxlength="2000" autocomplete="off" />
    </div>
    ${approval.requesterMayDecide ? nothing : html`<p class="note">${COUNTS_AS_ASKER}</p>`}
    <div class="row">
      <button class="primary">Save the edit</button>
      <a class="button" href="/approvals/${approval.id}">Cancel</a>
    </div>
  </form>`;
}

const COUNTS_AS_ASKER = 'Who edits counts as one who asks: after your edit somebody else has to approve it.';

const namesOf = (controls: readonly Control[]): string[] =>
  controls.flatMap((control) => (control.kind === 'group' ? namesOf(control.controls) : [control.name]));

/** Each problem with a link to its field. */
function problemList(ids: ReadonlyMap<string, string>, again: Again | null): Html {
  const found = [...(again?.problems ?? [])];
  if (found.length === 0) return nothing;
  return html`<div class="alert" role="alert">
    <ul>
      ${found.map(([name, text]) => html`<li><a href="#${ids.get(name) ?? ''}">${fieldOf(name)}</a>: ${text}</li>`)}
    </ul>
  </div>`;
}

const fieldOf = (name: string): string =>
  name
    .slice('arg:/'.length)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.') || 'Arguments';

const groupHtml = (group: Extract<Control, { kind: 'group' }>, draw: (control: Control) => Html): Html =>
  html`<fieldset class="group">
    <legend>${group.label}${optional(group)}</legend>
    ${group.hint ? html`<p class="hint">${group.hint}</p>` : nothing} ${group.controls.map(draw)}
  </fieldset>`;

const optional = ({ isRequired }: Control): Html =>
  isRequired ? nothing : html` <small class="muted">optional</small>`;

function leafHtml(leaf: Leaf, id: string, again: Again | null): Html {
  const problem = again?.problems.get(leaf.name);
  const text = again ? again.typed(leaf.name).replaceAll('\r\n', '\n') : shownIn(leaf);
  const about = [leaf.hint ? `${id}-hint` : '', problem ? `${id}-problem` : ''].filter(Boolean).join(' ');
  const common = html`id="${id}" name="${leaf.name}" ${about ? html`aria-describedby="${about}"` : ''}
  ${problem ? html`aria-invalid="true"` : ''}`;
  return html`<div class="field">
    <label for="${id}">${leaf.label}${optional(leaf)}</label>
    ${control(leaf, text, common)} ${leaf.hint ? html`<p class="hint" id="${id}-hint">${leaf.hint}</p>` : nothing}
    ${problem ? html`<p class="problem" id="${id}-problem">${problem}</p>` : nothing}
  </div>`;
}

function control(leaf: Leaf, text: string, common: Html): Html {
  if (leaf.kind === 'choice')
    return html`<select ${common}>
      ${leaf.isRequired && !leaf.isNullable && leaf.value !== undefined ? nothing : html`<option value="">${leaf.isNullable ? 'none' : 'left out'}</option>`}
      ${leaf.choices.map((one) => {
        const value = JSON.stringify(one);
        return html`<option value="${value}" ${value === text ? 'selected' : ''}>
          ${typeof one === 'string' ? one : value}
        </option>`;
      })}
    </select>`;
  if (leaf.kind === 'text' || leaf.kind === 'number')
    return html`<input
      ${common}
      value="${text}"
      autocomplete="off"
      spellcheck="false"
      ${leaf.kind === 'number' ? html`inputmode="decimal"` : ''}
    />`;
  const rows = Math.min(16, Math.max(3, text.split('\n').length + 1));
  // A first line break would be swallowed by the browser.
  return html`<textarea ${common} rows="${rows}" spellcheck="false" class="${leaf.kind === 'json' ? 'mono' : ''}">
${text}</textarea>`;
}
