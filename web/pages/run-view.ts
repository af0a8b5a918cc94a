import { html } from 'hono/html';
import { receiptLine } from '#activities/chat/render/index.ts';
import { formatCost } from '#core/money.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import { may } from '#core/roles.ts';
import type { Turn } from '#db/runs.ts';
import { SUMMARY_TURN } from '#db/usage.ts';
import type { EffectView, ModelCall, RunView, SeenToolCall } from '#db/views/index.ts';
import { attachmentList } from './attachments.ts';
import { approvalHtml, type CardOptions } from './card.ts';
import type { Html } from './frame.ts';
import { badge, duration, nothing, time } from './parts.ts';

const SHOWN = 20_000;
const WHERE = { web: 'Web chat', slack: 'Slack', discord: 'Discord' } as const;

/** A run from its request to its last effect, with how long each part took. */
export function runBody(view: RunView, options: CardOptions): Html {
  const { run } = view;
  const endMs = (run.endedAt ?? new Date()).getTime();
  const scale: Scale = {
    startMs: run.createdAt.getTime(),
    totalMs: Math.max(1, endMs - run.createdAt.getTime()),
    endMs,
  };
  const isActive = run.endedAt === null;
  return html`<header class="row">
      <h1>Run ${run.number}</h1>
      ${badge(run.status)}
      ${
        isActive && !run.stopRequestedAt
          ? html`<form method="post" action="/runs/${run.id}/stop"><button class="small danger">Stop</button></form>`
          : nothing
      }
      ${
        may(options.actor, 'request.create')
          ? html`<a class="button small" href="/runs/${run.id}/again">Run again with edits</a>`
          : nothing
      }
    </header>
    ${
      view.text === null
        ? html`<p class="lead">
            Private request of ${view.requestedByName}. What was said is theirs to read; what was done is below.
          </p>`
        : html`<p class="lead asked">${escapeInvisible(view.text)}</p>`
    }
    ${run.againOf ? html`<p class="meta">Repeats <a href="/runs/${run.againOf}">an earlier run</a></p>` : nothing}
    ${run.statusText ? html`<p class="note" role="status">${escapeInvisible(run.statusText)}</p>` : nothing}
    ${run.taint ? html`<p class="note note-warning">Read outside text: ${escapeInvisible(run.taint)}. Its writes wait for a person.</p>` : nothing}
    <section>
      <dl class="facts">
        ${fact('Asked by', view.requestedByName)} ${fact('Started (UTC)', time(run.createdAt))}
        ${fact(isActive ? 'Going on for' : 'Took', duration(scale.totalMs))}
        ${fact('Machine time', duration(run.machineMs))} ${fact('Cost', formatCost(view.costNanos))}
        ${fact('Model calls', String(view.modelCalls.length))} ${fact('Tokens', tokensOf(view.modelCalls))}
        ${fact('Where', WHERE[run.platform])}
        ${view.feedback.length === 0 ? nothing : fact('Feedback', said(view.feedback))}
      </dl>
      ${
        run.platform === 'web' && run.requestedBy === options.actor.memberId
          ? html`<p class="meta"><a href="/threads/${run.threadId}">Open its thread</a></p>`
          : nothing
      }
    </section>
    ${attachmentList(view.attachments)}
    <section>
      <h2>Timeline</h2>
      ${timeline(view, scale)}
    </section>
    ${
      view.approvals.length === 0
        ? nothing
        : html`<section>
            <h2>Approvals</h2>
            ${view.approvals.map((approval) => approvalHtml(approval, options))}
          </section>`
    }
    ${
      view.effects.length === 0
        ? nothing
        : html`<section>
            <h2>Effects</h2>
            <ul class="steps">
              ${view.effects.map(effectItem)}
            </ul>
          </section>`
    }`;
}

const said = (feedback: RunView['feedback']): string =>
  feedback.map(({ name, rating }) => `${name}: ${rating === 'good' ? 'helpful' : 'not helpful'}`).join(' · ');

interface Scale {
  startMs: number;
  endMs: number;
  totalMs: number;
}

const fact = (name: string, value: string | Html): Html =>
  html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;

function timeline(view: RunView, scale: Scale): Html {
  const steps = [
    ...view.modelCalls.map((call) => ({ at: call.createdAt.getTime(), draw: () => modelItem(call, scale) })),
    ...view.toolCalls.map((call) => ({ at: call.createdAt.getTime(), draw: () => toolItem(call, scale) })),
    ...view.turns
      .filter(({ text }) => text !== '' && view.mayReadContent)
      .map((turn) => ({ at: turn.createdAt.getTime(), draw: () => turnItem(turn) })),
    ...view.approvals.map((approval) => ({
      at: approval.createdAt.getTime(),
      draw: () =>
        html`<li>
          ${step(html`Waited for a decision: ${escapeInvisible(approval.summary)}`, scale, approval.createdAt, approval.decidedAt, 'waits')}
          <p class="meta">${approval.status}${approval.decidedByName ? ` by ${approval.decidedByName}` : ''}</p>
        </li>`,
    })),
  ].sort((a, b) => a.at - b.at);
  if (steps.length === 0) return html`<p class="muted">Nothing has happened yet.</p>`;
  return html`<ol class="steps">
    ${steps.map(({ draw }) => draw())}
  </ol>`;
}

/** A line with its bar; the bar is SVG because the page allows no inline style. */
function step(label: Html, { startMs, endMs, totalMs }: Scale, from: Date, to: Date | null, tone = ''): Html {
  const until = to?.getTime() ?? endMs;
  const x = (100 * (from.getTime() - startMs)) / totalMs;
  const width = Math.max(0.8, (100 * (until - from.getTime())) / totalMs);
  return html`<div class="step">
    <span>${label}</span>
    <svg class="bar ${tone}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect x="${Math.min(x, 99.2).toFixed(2)}" y="0" width="${Math.min(width, 100).toFixed(2)}" height="8" />
    </svg>
    <span class="end">${duration(until - from.getTime())}${to ? '' : ' so far'}</span>
  </div>`;
}

function modelItem(call: ModelCall, scale: Scale): Html {
  return html`<li>
    ${step(html`<strong>${call.turnNumber === SUMMARY_TURN ? 'Summary of the thread' : `Turn ${call.turnNumber}`}</strong> · ${call.provider}/${call.model}`, scale, call.createdAt, call.endedAt, call.status === 'failed' ? 'bad' : '')}
    <p class="meta">
      ${tokensOf([call])} ·
      ${formatCost(call.costNanos)}${call.requestId ? ` · request ${call.requestId}` : ''}${call.error ? ` · ${cut(call.error, 300)}` : ''}
    </p>
  </li>`;
}

/** What a model said, beside or in the place of its tool calls. */
const turnItem = ({ number, text }: Turn): Html =>
  html`<li>
    <details ${text.length <= 600 ? 'open' : ''}>
      <summary>What it said in turn ${number}</summary>
      <pre tabindex="0">${shown(text)}</pre>
    </details>
  </li>`;

/** Tokens of these calls as vendors count them: what was read from and written to a cache is part of what went in. */
function tokensOf(calls: readonly ModelCall[]): string {
  const known = calls.filter((call) => call.inputTokens !== null && call.outputTokens !== null);
  if (known.length === 0) return calls.length === 0 ? 'none' : 'tokens unknown';
  const sum = (of: (call: ModelCall) => number | null): number =>
    known.reduce((total, call) => total + (of(call) ?? 0), 0);
  const [cached, written] = [sum((call) => call.cachedInputTokens), sum((call) => call.cacheWriteTokens)];
  const parts = [cached > 0 ? `${cached} cached` : '', written > 0 ? `${written} written to the cache` : ''].filter(
    (part) => part !== '',
  );
  const inside = parts.length === 0 ? '' : ` (${parts.join(', ')})`;
  const rest = known.length < calls.length ? ', and some unknown' : '';
  return `${sum((call) => call.inputTokens)} in${inside}, ${sum((call) => call.outputTokens)} out${rest}`;
}

function toolItem(call: SeenToolCall, scale: Scale): Html {
  const label = html`<strong class="mono">${call.tool}</strong> ${badge(call.status)}`;
  return html`<li>
    ${step(label, scale, call.startedAt ?? call.createdAt, call.endedAt, call.status === 'failed' || call.status === 'refused' ? 'bad' : '')}
    <p class="meta">${call.effect ?? 'unknown tool'}${call.outside ? ` · outside text from ${call.outside}` : ''}</p>
    ${
      call.mayReadResult
        ? html`<details>
            <summary>In and out</summary>
            <pre tabindex="0">${shown(call.input)}</pre>
            ${call.result === null ? nothing : html`<pre tabindex="0">${shown(call.result)}</pre>`}
          </details>`
        : html`<p class="meta">What went in and out is for the member who asked.</p>`
    }
  </li>`;
}

function effectItem(effect: EffectView): Html {
  const isDone = effect.state === 'confirmed' || (effect.state === 'resolved' && effect.resolution === 'sent');
  return html`<li>
    <p>
      <a href="/effects/${effect.id}">${isDone ? receiptLine(effect) : escapeInvisible(effect.summary)}</a>
      ${badge(effect.state)}
    </p>
    <p class="meta">
      ${effect.attempts}
      ${effect.attempts === 1 ? 'attempt' : 'attempts'}${effect.resolvedByName ? ` · ${effect.resolvedByName} said: ${effect.resolution === 'sent' ? 'sent' : 'not sent'}` : ''}${effect.error ? ` · ${cut(effect.error, 300)}` : ''}
    </p>
    ${
      effect.receipt === null
        ? nothing
        : html`<details>
            <summary>Receipt</summary>
            <pre tabindex="0">${shown(effect.receipt)}</pre>
          </details>`
    }
  </li>`;
}

/** Long text from anywhere, cut, with what cannot be seen made visible. */
export const shown = (text: string): string =>
  cut(text, SHOWN)
    .split('\n')
    .map((line) => escapeInvisible(line))
    .join('\n');
