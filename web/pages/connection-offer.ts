import { html } from 'hono/html';
import type { OfferChange } from '#activities/integrations/index.ts';
import { escapeInvisible } from '#core/text.ts';
import type { Connection } from '#db/connections.ts';
import { changesOf } from '#web/routes/connection-json.ts';
import type { Html } from './frame.ts';
import { badge, hidden, nothing } from './parts.ts';

const WORDS: Record<OfferChange['kind'], string> = {
  new: 'New: off until you switch it on',
  changed: 'Changed: off until you accept it',
  removed: 'No longer offered',
};

/** What a module server offers now against what was accepted, and the form that accepts exactly this. */
export function offerSection(row: Connection, mayManage: boolean): Html {
  const changes = changesOf(row);
  const sha256 = row.offered?.['sha256'];
  if (typeof sha256 !== 'string') return nothing;
  return html`<section aria-labelledby="offer">
    <h2 id="offer">It offers something else than was accepted</h2>
    <p class="lead">What changed does not run until an admin has looked at it.</p>
    <form method="post" action="/connections/${row.id}/accept">
      ${hidden('offeredSha256', sha256)}${unchanged(row, changes)}
      ${changes.map((change) => changeHtml(change, mayManage))}
      ${mayManage ? html`<button class="primary">Accept what is offered</button>` : html`<p class="muted">Ask an admin to look at it.</p>`}
    </form>
  </section>`;
}

/** What is on and did not change stays on. */
const unchanged = ({ settings }: Connection, changes: readonly OfferChange[]): Html => {
  const changed = new Set(changes.map(({ name }) => name));
  const enabled = Array.isArray(settings['enabled'])
    ? settings['enabled'].filter((name) => typeof name === 'string')
    : [];
  return html`${enabled.filter((name) => !changed.has(name)).map((name) => hidden('enabled', name))}`;
};

/** Line by line, so that nothing hides in what is accepted (RULES A1). */
const visible = (text: string): string => text.split('\n').map(escapeInvisible).join('\n');

const changeHtml = ({ id, name, kind, effect, isOn, parts }: OfferChange, mayManage: boolean): Html =>
  html`<fieldset>
    <legend><span class="mono">${id}</span> ${badge(effect)}</legend>
    <p class="hint">${WORDS[kind]}</p>
    ${parts.map(
      ({ name: part, before, after }) =>
        html`<div class="change">
          <h3>${part}</h3>
          ${before === '' ? nothing : html`<del><pre tabindex="0">${visible(before)}</pre></del>`}
          ${after === '' ? nothing : html`<ins><pre tabindex="0">${visible(after)}</pre></ins>`}
        </div>`,
    )}
    ${
      kind === 'removed' || !mayManage
        ? nothing
        : html`<label class="check"
            ><input
              type="checkbox"
              name="enabled"
              value="${name}"
              ${isOn || (kind === 'new' && effect === 'read') ? 'checked' : ''}
            /><span>Switch it on</span></label
          >`
    }
  </fieldset>`;
