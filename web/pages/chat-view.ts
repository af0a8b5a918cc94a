import { html } from 'hono/html';
import { toHtml } from '#activities/chat/render/index.ts';
import type { Button } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { can, type Actor } from '#core/roles.ts';
import type { ListedThread, Timeline, TimelineItem } from '#db/views/index.ts';
import type { Thread } from '#db/threads.ts';
import { approvalHtml, effectHtml, type Viewed } from './card.ts';
import type { Html } from './frame.ts';
import { alert, hidden, nothing, time } from './parts.ts';

// How the chat looks; what it does is in chat.ts.

export interface ChatOptions {
  actor: Actor;
  viewed: Viewed;
  linkHosts: readonly string[];
}

const EXAMPLES = ['What can you do?', 'What is 12 * 7.5?', 'Which connections are there?'];

export const threadList = (threads: readonly ListedThread[], current?: string): Html =>
  html`<nav class="threads" aria-label="Recent threads">
    ${threads.length === 0 ? nothing : html`<h2>Recent</h2>`}
    ${threads.map(
      ({ id, title, activity }) =>
        html`<a href="/threads/${id}" ${id === current ? html`aria-current="page"` : ''}
          ><span>${title}</span>${
            activity === null ? '' : html`<i class="dot ${activity}"><span class="hush">${activity}</span></i>`
          }</a
        >`,
    )}
  </nav>`;

/** Where people write. Each drawing has a key of its own, so that the same sending is stored once. */
export function composer(actor: Actor, threadId: string | null, { text = '', problem = '' } = {}): Html {
  if (!can(actor.role, 'request.create'))
    return html`<div class="composer">
      <p class="note">Your role only lets you read. Ask an admin for the member role.</p>
    </div>`;
  const path = threadId === null ? '/threads' : `/threads/${threadId}/messages`;
  return html`<div class="composer" id="composer">
    ${alert(problem)}
    <form
      method="post"
      action="${path}"
      ${threadId === null ? '' : html`hx-post="${path}" hx-target="#composer" hx-swap="outerHTML"`}
    >
      ${hidden('key', newId())}
      <div>
        <textarea
          name="text"
          rows="1"
          required
          autofocus
          maxlength="${RUN_LIMITS.textLength}"
          data-enter-sends
          aria-label="Message"
          placeholder="${threadId === null ? 'What should be done?' : 'Reply, or ask for something else'}"
        >
${text}</textarea>
        <button class="primary">Send</button>
      </div>
      <p class="hint">Enter sends, Shift+Enter starts a new line.</p>
    </form>
  </div>`;
}

export const newThread = (actor: Actor, again: { text?: string; problem?: string } = {}): Html =>
  html`<div class="chat">
    <div class="log">
      <div class="hello">
        <h1>What can I do for you?</h1>
        <p class="lead">Ask in your own words. Anything that changes something outside waits for a decision first.</p>
        ${can(actor.role, 'request.create') ? suggestions('/threads', EXAMPLES) : nothing}
      </div>
    </div>
    ${composer(actor, null, again)}
  </div>`;

export const threadBody = (
  { id: threadId, channel }: Pick<Thread, 'id' | 'channel'>,
  timeline: Timeline,
  options: ChatOptions,
  again = {},
): Html =>
  html`<div class="chat">
    <h1 class="hush">Thread</h1>
    <div id="live" hx-sse:connect="/live?thread=${threadId}" hx-sse:close="gone" hx-swap="none"></div>
    <div class="log" data-stick tabindex="0" aria-label="Messages">
      ${channel === 'web' ? nothing : html`<p class="note">${NOT_PRIVATE}</p>`}
      <div
        id="timeline"
        hx-get="/threads/${threadId}/timeline"
        hx-trigger="changed from:#live"
        hx-swap="innerMorph"
        hx-sync="this:queue last"
        aria-live="polite"
      >
        ${timelineHtml(threadId, timeline, options)}
      </div>
    </div>
    ${composer(options.actor, threadId, again)}
  </div>`;

/** Only what the chat began is a private conversation (db/visibility.ts). */
const NOT_PRIVATE =
  'An API key began this thread, so owners and admins can read it. For what is yours alone, begin a new one.';

/** What live updates fetch again. */
export function timelineHtml(threadId: string, { items, activeRuns }: Timeline, options: ChatOptions): Html {
  const last = items.at(-1);
  return html`${items.map((item) => itemHtml(item, threadId, options, item === last && activeRuns.length === 0))}
  ${activeRuns.map(
    (run) =>
      html`<div class="status" id="run-${run.id}">
        <span class="pulse ${run.status}"></span>
        <span role="status">${run.stopRequestedAt ? 'Stopping' : (run.statusText ?? 'Thinking')}</span>
        ${
          run.stopRequestedAt
            ? nothing
            : html`<form method="post" action="/runs/${run.id}/stop" hx-post="/runs/${run.id}/stop" hx-swap="none">
                <button class="small">Stop</button>
              </form>`
        }
      </div>`,
  )}`;
}

function itemHtml(item: TimelineItem, threadId: string, options: ChatOptions, isLast: boolean): Html {
  if (item.kind === 'message')
    return html`<div class="turn mine" id="m-${item.id}">
      <div class="said">${item.text}</div>
      <footer>
        <span class="hush">${item.byName}, </span>${time(item.createdAt)}${
          item.runId === null ? '' : html` · <a href="/runs/${item.runId}">run</a>`
        }
      </footer>
    </div>`;
  const { linkHosts } = options;
  if (item.kind === 'approval')
    return html`<div class="turn" id="p-${item.id}">${approvalHtml(item.approval, options)}</div>`;
  if (item.kind === 'effect')
    return html`<div class="turn" id="p-${item.id}">${effectHtml(item.effect, options)}</div>`;
  const buttons = (all: Button[]): Html =>
    isLast && can(options.actor.role, 'request.create')
      ? suggestions(
          `/threads/${threadId}/messages`,
          all.filter(({ id }) => id.startsWith('suggest:')).map(({ label }) => label),
        )
      : nothing;
  return html`<div class="turn" id="p-${item.id}">
    ${toHtml(item.content, { linkHosts, buttons })}
    <footer>${time(item.createdAt)}</footer>
  </div>`;
}

/** Next messages a click away. A plain form each: it works without a script. */
const suggestions = (path: string, texts: readonly string[]): Html =>
  html`<div class="suggestions">
    ${texts.map(
      (text) =>
        html`<form method="post" action="${path}">
          ${hidden('key', newId())}<button name="text" value="${text}">${text}</button>
        </form>`,
    )}
  </div>`;
