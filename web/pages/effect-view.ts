import { html } from 'hono/html';
import {
  argumentItems,
  type Item,
  readPayload,
  receiptLine,
  requestItems,
  targetItems,
} from '#activities/chat/render/index.ts';
import type { Actor } from '#core/roles.ts';
import { escapeInvisible } from '#core/text.ts';
import type { EffectDetail } from '#db/views/index.ts';
import { effectHtml } from './card.ts';
import type { Html } from './frame.ts';
import { badge, nothing, time } from './parts.ts';
import { shown } from './run-view.ts';

const MEANS: Record<EffectDetail['state'], string> = {
  intended: 'Written down, and about to be sent or being sent.',
  confirmed: 'The other side confirmed it.',
  refused: 'The other side refused it: nothing happened there.',
  not_sent: 'It was not sent: nothing happened on the other side.',
  ambiguous: 'Nobody knows yet whether it arrived, so it is not sent again by itself.',
  resolved: 'A person said how it ended.',
};

/** One entry of the ledger: what was sent to the byte, by whose leave, and what came back. */
export function effectBody(effect: EffectDetail, options: { actor: Actor; linkHosts: readonly string[] }): Html {
  const isDone = effect.state === 'confirmed' || (effect.state === 'resolved' && effect.resolution === 'sent');
  return html`<header class="row">
      <h1>Effect</h1>
      ${badge(effect.state)}
    </header>
    <p class="lead">${isDone ? receiptLine(effect) : escapeInvisible(effect.summary)}</p>
    <p class="note">${MEANS[effect.state]}</p>
    ${effect.state === 'ambiguous' ? html`<section>${effectHtml(effect, options)}</section>` : nothing}
    <section>
      <dl class="facts">
        ${fact('Tool', html`<span class="mono">${escapeInvisible(effect.tool)}</span>`)}
        ${effect.connectionName === null ? nothing : fact('Connection', escapeInvisible(effect.connectionName))}
        ${fact('Asked by', effect.requestedByName)} ${fact('Intended (UTC)', time(effect.createdAt))}
        ${effect.confirmedAt ? fact('Confirmed (UTC)', time(effect.confirmedAt)) : nothing}
        ${fact('Attempts', String(effect.attempts))}
        ${effect.externalId === null ? nothing : fact('Id on the other side', html`<span class="mono">${escapeInvisible(effect.externalId)}</span>`)}
        ${
          effect.resolvedAt
            ? fact(
                'Resolved (UTC)',
                html`${time(effect.resolvedAt)}, ${effect.resolvedByName ?? 'somebody'} said:
                ${effect.resolution === 'sent' ? 'sent' : 'not sent'}`,
              )
            : nothing
        }
      </dl>
      <p class="meta">
        <a href="/runs/${effect.runId}">The run</a>
        ${
          effect.approvalId === null
            ? ' · ran without an approval: the policy allows it'
            : html` · <a href="/approvals/${effect.approvalId}">The approval</a>`
        }
      </p>
    </section>
    <section>
      <h2>What was to be sent</h2>
      ${payloadHtml(effect.payload)}
      <p class="hint mono">sha256 ${effect.payloadSha256}</p>
      <details>
        <summary>Canonical payload</summary>
        <pre tabindex="0">${escapeInvisible(effect.payload)}</pre>
      </details>
    </section>
    ${effect.receipt === null ? nothing : block('Receipt', effect.receipt)}
    ${effect.error === null ? nothing : block('What went wrong', effect.error)}`;
}

/** Every argument and where it goes, as on the approval's card; nothing for a payload whose time was up and that was emptied. */
function payloadHtml(text: string): Html {
  const items = itemsOf(text);
  if (items === null) return html`<p class="muted">The payload is not kept any more.</p>`;
  return html`<dl class="fields">
    ${items.map(
      ({ name, value }) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

function itemsOf(text: string): Item[] | null {
  try {
    const payload = readPayload(text);
    return [...targetItems(payload), ...argumentItems(payload), ...requestItems(payload)];
  } catch {
    return null;
  }
}

const fact = (name: string, value: string | Html): Html =>
  html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;

const block = (title: string, text: string): Html =>
  html`<section>
    <h2>${title}</h2>
    <pre tabindex="0">${shown(text)}</pre>
  </section>`;
