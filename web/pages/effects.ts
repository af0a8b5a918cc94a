import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { notFound } from '#core/errors.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import { type EffectRow, listEffects } from '#db/effect-list.ts';
import { readOrg } from '#db/orgs.ts';
import { EFFECT_STATES } from '#db/schema/words.ts';
import { type PersonName, readConnectionNames, readEffectDetail } from '#db/views/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { zEffectQuery } from '#web/routes/effect-json.ts';
import { effectBody } from './effect-view.ts';
import type { Frame, Html } from './frame.ts';
import { empty, filterForm, inputFilter, isFiltered, noMatch, pager, readQuery, selectFilter } from './lists.ts';
import { alert, allowed, badge, idParam, nothing, time } from './parts.ts';

const PATH = '/effects';
type Query = ReturnType<typeof zEffectQuery.parse>;

/** The ledger: everything that was meant to change something outside, and what became of it (RULES E). */
export function effectPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db } = deps;
  const pages = new Hono<WebEnv>();

  pages.get(PATH, async (c) => {
    const actor = allowed(c, 'effect.read');
    const { query, values, problem } = readQuery<Query>(c, zEffectQuery);
    const { list, connections } = await db.withOrg(actor.orgId, async (org) => ({
      list: await listEffects(org, actor, query),
      connections: await readConnectionNames(org, actor),
    }));
    const rows =
      list.items.length > 0
        ? table(list.items)
        : isFiltered(values)
          ? noMatch(PATH)
          : empty('No effects yet', 'When the assistant changes something outside, it is written down here first.', {
              href: '/connections',
              label: 'See what it can reach',
            });
    const body = html`<div class="page wide">
      <header>
        <div>
          <h1>Effects</h1>
          <p class="lead">Each thing that was to happen outside, once, with the other side’s receipt.</p>
        </div>
      </header>
      ${alert(problem)} ${filterForm(PATH, fields(values, connections), isFiltered(values))} ${rows}
      ${pager(PATH, values, list)}
    </div>`;
    return frame.page(c, { title: 'Effects', section: 'effects', body });
  });

  const read = async (c: Context<WebEnv>) => {
    const actor = allowed(c, 'effect.read');
    const id = idParam(c, 'effect');
    return db.withOrg(actor.orgId, async (org) => {
      const effect = await readEffectDetail(org, actor, id);
      if (!effect) throw notFound('effect');
      return { effect, body: effectBody(effect, { actor, linkHosts: (await readOrg(org)).policy.linkHosts }) };
    });
  };

  pages.get(`${PATH}/:id`, async (c) => {
    const { effect, body } = await read(c);
    const isOpen = effect.state === 'intended' || effect.state === 'ambiguous';
    return frame.page(c, {
      title: effect.summary,
      section: 'effects',
      body: html`<div class="page">
        ${isOpen ? html`<div id="live" hx-sse:connect="/live" hx-sse:close="gone" hx-swap="none"></div>` : nothing}
        <div
          id="effect"
          hx-get="${PATH}/${effect.id}/detail"
          hx-trigger="changed from:body"
          hx-swap="innerMorph"
          hx-sync="this:queue last"
        >
          ${body}
        </div>
      </div>`,
    });
  });
  pages.get(`${PATH}/:id/detail`, async (c) => c.html((await read(c)).body));
  return pages;
}

const fields = (values: Record<string, string>, connections: readonly PersonName[]): Html[] => [
  selectFilter(
    'state',
    'State',
    'Any',
    EFFECT_STATES.map((state) => ({ value: state, label: state.replaceAll('_', ' ') })),
    values['state'],
  ),
  selectFilter(
    'connectionId',
    'Connection',
    'Any',
    connections.map(({ id, name }) => ({ value: id, label: cut(name, 60) })),
    values['connectionId'],
  ),
  inputFilter('tool', 'Tool', { type: 'search', value: values['tool'], placeholder: 'erp_createInvoice' }),
  inputFilter('externalId', 'Id on the other side', { type: 'search', value: values['externalId'] }),
  inputFilter('runId', 'Run', { type: 'search', value: values['runId'], placeholder: 'its id' }),
  inputFilter('from', 'From (UTC)', { type: 'date', value: values['from'] }),
  inputFilter('to', 'Through (UTC)', { type: 'date', value: values['to'] }),
];

const table = (items: readonly EffectRow[]): Html =>
  html`<table class="list">
    <thead>
      <tr>
        <th scope="col">Effect</th>
        <th scope="col">State</th>
        <th scope="col">Tool</th>
        <th scope="col">Id on the other side</th>
        <th scope="col">Intended (UTC)</th>
      </tr>
    </thead>
    <tbody>
      ${items.map(
        (effect) =>
          html`<tr>
            <td data-label="Effect">
              <a class="clip" href="${PATH}/${effect.id}">${escapeInvisible(effect.summary)}</a>
            </td>
            <td data-label="State">${badge(effect.state)}</td>
            <td data-label="Tool"><span class="clip mono">${escapeInvisible(effect.tool)}</span></td>
            <td data-label="Id on the other side">
              <span class="clip mono">${effect.externalId === null ? '–' : escapeInvisible(effect.externalId)}</span>
            </td>
            <td data-label="Intended">${time(effect.createdAt)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`;
