import { html, raw } from 'hono/html';
import type { Block, Button, Outgoing } from '#core/chat.ts';
import { renderMarkdown } from './markdown.ts';

/** Escaped HTML, ready to be put into a page. */
export type Html = ReturnType<typeof html>;

export interface HtmlOptions {
  linkHosts: readonly string[];
  /** Draws a row of buttons: the page knows their forms. Left out, buttons show but do nothing. */
  buttons?: (items: Button[]) => Html;
}

/** A message or card as a page's HTML. Everything but markdown blocks is literal text. */
export function toHtml(message: Outgoing, options: HtmlOptions): Html {
  return html`${message.title === undefined ? '' : html`<h3 class="card-title">${message.title}</h3>`}${message.blocks.map(
    (block) => blockHtml(block, options),
  )}`;
}

function blockHtml(block: Block, options: HtmlOptions): Html {
  switch (block.kind) {
    case 'markdown':
      return html`<div class="prose">${raw(renderMarkdown(block.text, options))}</div>`;
    case 'fields':
      return html`<dl class="fields">
        ${block.items.map(
          ({ name, value }) =>
            html`<div>
              <dt>${name}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>`;
    case 'code':
      return html`<pre class="code" tabindex="0">${block.text}</pre>`;
    case 'note':
      return html`<p class="note note-${block.tone}">${block.text}</p>`;
    default:
      return options.buttons?.(block.items) ?? plainButtons(block.items);
  }
}

const plainButtons = (items: Button[]): Html =>
  html`<div class="buttons">${items.map(({ label }) => html`<button type="button" disabled>${label}</button>`)}</div>`;
