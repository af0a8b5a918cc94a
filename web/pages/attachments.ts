import { html } from 'hono/html';
import { escapeInvisible } from '#core/text.ts';
import type { NamedAttachment } from '#db/attachments.ts';
import type { Html } from './frame.ts';
import { badge, nothing } from './parts.ts';

const WHAT = { file: '', quote: 'Quoted message of ', thread: '' } as const;

/** What came with a request: its names and what became of it, never what is in it. */
export const attachmentList = (rows: readonly NamedAttachment[]): Html =>
  rows.length === 0
    ? nothing
    : html`<section>
        <h2>Came with it</h2>
        <ul class="steps">
          ${rows.map(
            ({ kind, name, status, note }) =>
              html`<li>
                <p>${WHAT[kind]}${escapeInvisible(name)} ${badge(status === 'pending' ? 'not read yet' : status)}</p>
                ${note ? html`<p class="meta">${note}</p>` : nothing}
              </li>`,
          )}
        </ul>
      </section>`;
