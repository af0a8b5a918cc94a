import { html } from 'hono/html';
import { formatCost } from '#core/money.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import type { DaySpend, FailedCall, ModelsView, ModelView } from '#db/views/index.ts';
import type { Html } from './frame.ts';
import { duration, field, hidden, nothing, time } from './parts.ts';

// The parts of the models page.

/** As typed into the form, in US dollars for a million tokens. */
export interface TypedPrice {
  provider: string;
  model: string;
  input: string;
  cached: string;
  write: string;
  output: string;
}

const nameOf = ({ provider, model }: { provider: string; model: string }): string =>
  provider === 'rules' ? 'Rule-based mode' : `${provider}/${model}`;

/** "1,204,000". */
const grouped = (count: number): string => count.toLocaleString('en-US');
const usd = (nanos: number): string => `$${(nanos / 1e9).toLocaleString('en-US', { maximumFractionDigits: 4 })}`;

const count = (n: number, noun: string): string => `${grouped(n)} ${noun}${n === 1 ? '' : 's'}`;

export const chainTable = ({ items }: ModelsView): Html =>
  html`<table class="list wraps">
    <caption class="hush">
      Models in the order they are asked
    </caption>
    <thead>
      <tr>
        <th scope="col">Order</th>
        <th scope="col">Model</th>
        <th scope="col">Last 24 hours</th>
        <th scope="col">Price for a million tokens</th>
      </tr>
    </thead>
    <tbody>
      ${items
        .filter(({ position }) => position !== null)
        .map(
          (item) =>
            html`<tr>
              <td data-label="Order">${item.position}</td>
              <td data-label="Model"><strong>${nameOf(item)}</strong></td>
              <td data-label="Last 24 hours">${health(item)}</td>
              <td data-label="Price">${price(item)}</td>
            </tr>`,
        )}
    </tbody>
  </table>`;

const spentTable = (items: readonly ModelView[]): Html =>
  html`<table class="list wraps">
    <thead>
      <tr>
        <th scope="col">Model</th>
        <th scope="col">Today</th>
        <th scope="col">30 days</th>
        <th scope="col">Calls</th>
        <th scope="col">Tokens in</th>
        <th scope="col">Tokens out</th>
      </tr>
    </thead>
    <tbody>
      ${items.map((item) =>
        item.spend && item.spend.monthCalls > 0
          ? html`<tr>
              <td data-label="Model">
                <span
                  >${nameOf(item)}${item.position === null ? html`<br /><small>not asked any more</small>` : ''}</span
                >
              </td>
              <td data-label="Today">${formatCost(item.spend.todayNanos)}</td>
              <td data-label="30 days">${formatCost(item.spend.monthNanos)}</td>
              <td data-label="Calls">
                <span
                  >${grouped(item.spend.monthCalls)}${
                    item.spend.monthUnknown > 0
                      ? html`<br /><small
                            >${grouped(item.spend.monthUnknown)} of unknown cost, counted as reserved</small
                          >`
                      : ''
                  }</span
                >
              </td>
              <td data-label="Tokens in">
                <span
                  >${grouped(item.spend.inputTokens)}${
                    item.spend.cachedInputTokens > 0
                      ? html`<br /><small>${grouped(item.spend.cachedInputTokens)} from cache</small>`
                      : ''
                  }</span
                >
              </td>
              <td data-label="Tokens out">${grouped(item.spend.outputTokens)}</td>
            </tr>`
          : nothing,
      )}
    </tbody>
  </table>`;

function health({ health }: ModelView): Html {
  const { status, calls24h, failures24h, p50Ms } = health;
  const [tone, word] = { ok: ['good', 'works'], failing: ['bad', 'failing'], unused: ['', 'not used'] }[status];
  const facts = [
    count(calls24h, 'call'),
    ...(failures24h > 0 ? [`${grouped(failures24h)} failed`] : []),
    ...(p50Ms === null ? [] : [`median ${duration(p50Ms)}`]),
  ];
  return html`<span
    ><span class="badge ${tone}">${word}</span
    >${calls24h > 0 ? html`<br /><small>${facts.join(', ')}</small>` : ''}</span
  >`;
}

function price({ price }: ModelView): Html {
  if (price.source === 'free') return html`<span>free</span>`;
  if (price.source === 'unknown')
    return html`<span
      ><span class="badge warn">unknown</span><br /><small
        >counted as the vendor’s dearest${price.matchedAs ? `; looks like ${price.matchedAs}` : ''}</small
      ></span
    >`;
  const source =
    price.source === 'override' ? 'your own price' : `price list${price.matchedAs ? ` (${price.matchedAs})` : ''}`;
  return html`<span
    >${usd(price.inputNanosPerMillion)} in, ${usd(price.outputNanosPerMillion)} out<br /><small
      >${usd(price.cachedNanosPerMillion)} from cache ·
      ${source}${
        price.dearerAboveTokens === undefined ? '' : ` · more above ${grouped(price.dearerAboveTokens)} tokens`
      }</small
    ></span
  >`;
}

/** Today against the cap, and the last 30 days: a picture, and the same as a table. */
export function spendSection({ items, spend }: ModelsView, mayManage: boolean): Html {
  if (!spend) return nothing;
  const { todayNanos, dayCapNanos, byDay } = spend;
  const share = dayCapNanos === 0 ? 100 : Math.min(100, (100 * todayNanos) / dayCapNanos);
  const dearest = byDay.reduce((most, one) => (one.nanos > most.nanos ? one : most), { day: '', nanos: 0, calls: 0 });
  return html`<section class="spend" aria-labelledby="spend">
    <h2 id="spend">Spend</h2>
    <p>
      Today ${formatCost(todayNanos)} of ${formatCost(dayCapNanos)} a day (UTC).
      ${share >= 100 ? html`<strong>The cap is used up: no model is asked until midnight UTC.</strong>` : ''}
      ${mayManage ? html`<a href="/settings">Change the cap</a>` : ''}
    </p>
    <svg class="bar ${share >= 80 ? 'bad' : ''}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect x="0" y="0" width="${share.toFixed(2)}" height="8" />
    </svg>
    ${
      dearest.nanos === 0
        ? html`<p class="meta">Nothing was spent in the last 30 days.</p>`
        : html`<h3>By day</h3>
            ${dayChart(byDay, dearest)}
            <details>
              <summary>As a table</summary>
              ${dayTable(byDay)}
            </details>
            <h3>By model, 30 days</h3>
            ${spentTable(items)}`
    }
  </section>`;
}

const dayChart = (byDay: readonly DaySpend[], dearest: DaySpend): Html => {
  const width = 300 / byDay.length;
  return html`<svg
      class="chart"
      viewBox="0 0 300 72"
      preserveAspectRatio="none"
      role="img"
      aria-label="Spend by day, ${byDay[0]?.day} to ${byDay.at(-1)?.day}; most on ${dearest.day} with ${formatCost(dearest.nanos)}"
    >
      ${byDay.map(({ nanos }, at) => {
        const height = nanos === 0 ? 1 : Math.max(2, (70 * nanos) / dearest.nanos);
        return html`<rect
          x="${(at * width).toFixed(2)}"
          y="${(72 - height).toFixed(2)}"
          width="${(width * 0.78).toFixed(2)}"
          height="${height.toFixed(2)}"
          class="${nanos === 0 ? 'none' : ''}"
        />`;
      })}
    </svg>
    <p class="meta">${byDay[0]?.day} to ${byDay.at(-1)?.day}; most on ${dearest.day}: ${formatCost(dearest.nanos)}</p>`;
};

const dayTable = (byDay: readonly DaySpend[]): Html =>
  html`<table class="list">
    <thead>
      <tr>
        <th scope="col">Day (UTC)</th>
        <th scope="col">Spend</th>
        <th scope="col">Calls</th>
      </tr>
    </thead>
    <tbody>
      ${byDay
        .filter(({ calls }) => calls > 0)
        .toReversed()
        .map(
          ({ day, nanos, calls }) =>
            html`<tr>
              <td data-label="Day (UTC)">${day}</td>
              <td data-label="Spend">${formatCost(nanos)}</td>
              <td data-label="Calls">${grouped(calls)}</td>
            </tr>`,
        )}
    </tbody>
  </table>`;

export function failureList(failures: readonly FailedCall[]): Html {
  if (failures.length === 0) return nothing;
  return html`<section aria-labelledby="failed">
    <h2 id="failed">Calls that failed in the last 24 hours</h2>
    <ul class="steps">
      ${failures.map(
        (failure) =>
          html`<li>
            <p>
              <strong>${nameOf(failure)}</strong>
              ${failure.httpStatus === null ? '' : html`<span class="badge bad">${failure.httpStatus}</span>`}
            </p>
            <p>${escapeInvisible(cut(failure.error, 300))}</p>
            <p class="meta">${time(failure.at)} <a href="/runs/${failure.runId}">The request it was made for</a></p>
          </li>`,
      )}
    </ul>
  </section>`;
}

const NONE: TypedPrice = { provider: '', model: '', input: '', cached: '', write: '', output: '' };
const VENDORS = ['anthropic', 'openai', 'gemini'];

/** Prices that the org has set itself, and the form to set one. */
export function ownPrices({ items, overrides }: ModelsView, given?: TypedPrice): Html {
  const unknown = items.find(({ price }) => price.source === 'unknown');
  const typed = given ?? (unknown ? { ...NONE, provider: unknown.provider, model: unknown.model } : NONE);
  const cached = 'Empty: as input.';
  return html`<section aria-labelledby="prices">
    <h2 id="prices">Your own prices</h2>
    <p class="lead">
      They win over the price list: for a contract of your own, or a model the list does not know. In US dollars for a
      million tokens.
    </p>
    ${overrides.length === 0 ? nothing : overrideTable(overrides)}
    <form method="post" action="/models/prices">
      <div class="grid2">
        <div class="field">
          <label for="f-provider">Vendor</label>
          <select id="f-provider" name="provider">
            ${VENDORS.map((vendor) => html`<option ${vendor === typed.provider ? 'selected' : ''}>${vendor}</option>`)}
          </select>
        </div>
        ${field({ name: 'model', label: 'Model', value: typed.model, hint: 'As in ABETWORKS_MODEL, without the vendor.' })}
        ${field({ name: 'input', label: 'Input', value: typed.input, placeholder: '1.00' })}
        ${field({ name: 'output', label: 'Output', value: typed.output, placeholder: '5.00' })}
        ${field({ name: 'cached', label: 'Read from cache', value: typed.cached, hint: cached, isRequired: false })}
        ${field({ name: 'write', label: 'Written to cache', value: typed.write, hint: cached, isRequired: false })}
      </div>
      <button class="primary">Set price</button>
    </form>
  </section>`;
}

const overrideTable = (overrides: ModelsView['overrides']): Html =>
  html`<table class="list">
    <thead>
      <tr>
        <th scope="col">Model</th>
        <th scope="col">Input</th>
        <th scope="col">Output</th>
        <th scope="col">From cache</th>
        <th scope="col">To cache</th>
        <th scope="col"><span class="hush">Remove</span></th>
      </tr>
    </thead>
    <tbody>
      ${overrides.map(
        (own) =>
          html`<tr>
            <td data-label="Model"><span class="clip">${nameOf(own)}</span></td>
            <td data-label="Input">${usd(own.inputNanos)}</td>
            <td data-label="Output">${usd(own.outputNanos)}</td>
            <td data-label="From cache">${usd(own.cachedInputNanos ?? own.inputNanos)}</td>
            <td data-label="To cache">${usd(own.cacheWriteNanos ?? own.inputNanos)}</td>
            <td data-label="" class="end">
              <form method="post" action="/models/prices/remove">
                ${hidden('provider', own.provider)}${hidden('model', own.model)}
                <button class="small" aria-label="Remove the price of ${nameOf(own)}">Remove</button>
              </form>
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`;
