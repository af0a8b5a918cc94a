import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { notFound, UserError } from '#core/errors.ts';
import { formatCost } from '#core/money.ts';
import { cut } from '#core/text.ts';
import { may, type Actor } from '#core/roles.ts';
import { readOrg } from '#db/orgs.ts';
import { RUN_STATUSES } from '#db/schema/words.ts';
import { type ListedRun, type PersonName, readPeople, readRunList, readRunView } from '#db/views/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { zRunQuery } from '#web/routes/run-json.ts';
import type { Viewed } from './card.ts';
import type { Frame, Html } from './frame.ts';
import {
  addressOf,
  empty,
  filterForm,
  inputFilter,
  isFiltered,
  type ListQuery,
  noMatch,
  pager,
  readQuery,
  selectFilter,
} from './lists.ts';
import { alert, allowed, badge, duration, idParam, isPartial, nothing, time } from './parts.ts';
import { runBody } from './run-view.ts';

const PATH = '/runs';
const PLATFORMS = [
  { value: 'web', label: 'Web chat' },
  { value: 'slack', label: 'Slack' },
  { value: 'discord', label: 'Discord' },
];

type Query = ReturnType<typeof zRunQuery.parse>;

/** What was asked and what became of it. */
export function runPages({ deps, frame, viewed }: { deps: WebDeps; frame: Frame; viewed: Viewed }): Hono<WebEnv> {
  const { db, client } = deps;
  const pages = new Hono<WebEnv>();

  async function read(c: Context<WebEnv>) {
    const actor = allowed(c, 'run.read');
    const asked = readQuery<Query>(c, zRunQuery);
    try {
      return { actor, asked, list: await readRunList(db, actor, asked.query) };
    } catch (error) {
      // A search that takes too long is said beside the filters, so that they can be narrowed.
      if (!(error instanceof UserError) || error.field !== 'q') throw error;
      const list = { items: [], nextCursor: null, newerCursor: null, isEverybodys: may(actor, 'run.readAll') };
      return { actor, asked: { ...asked, problem: error.message }, list };
    }
  }
  type Read = Awaited<ReturnType<typeof read>>;

  const body = ({ actor, asked, list }: Read): Html =>
    html`${list.items.length === 0 ? nothingListed(actor, asked) : table(list.items, list.isEverybodys)}
    ${pager(PATH, asked.values, list)}`;

  pages.get(PATH, async (c) => {
    const seen = await read(c);
    const { actor, asked, list } = seen;
    const people = list.isEverybodys ? await db.withOrg(actor.orgId, readPeople) : [];
    const { cursor, ...values } = asked.values;
    // Pages further back do not move; the first one follows what happens.
    const live = html`<div id="live" hx-sse:connect="/live" hx-sse:close="gone" hx-swap="none"></div>`;
    const page = html`<div class="page wide">
      <header>
        <div>
          <h1>Runs</h1>
          <p class="lead">
            ${list.isEverybodys ? 'Every request of the organisation' : 'Your requests'}, what each did and what it
            cost.
          </p>
        </div>
      </header>
      ${alert(asked.problem)} ${filterForm(PATH, fields(actor, asked, people), isFiltered(values))}
      ${cursor === undefined ? live : nothing}
      <div
        id="runs"
        ${
          cursor === undefined
            ? html`hx-get="${addressOf(`${PATH}/list`, values)}" hx-trigger="changed from:#live" hx-swap="innerMorph"
              hx-sync="this:queue last"`
            : ''
        }
      >
        ${body(seen)}
      </div>
    </div>`;
    return frame.page(c, { title: 'Runs', section: 'runs', body: page });
  });
  pages.get(`${PATH}/list`, async (c) => c.html(body(await read(c))));

  async function draw(c: Context<WebEnv>) {
    const actor = allowed(c, 'run.read');
    const id = idParam(c, 'run');
    return db.withOrg(actor.orgId, async (org) => {
      const run = await readRunView(org, actor, id);
      if (!run) throw notFound('run');
      const { linkHosts } = (await readOrg(org)).policy;
      return { run, threadId: run.run.threadId, body: runBody(run, { actor, viewed, linkHosts }) };
    });
  }

  pages.get(`${PATH}/:id`, async (c) => {
    const drawn = await draw(c);
    const { run } = drawn.run;
    const live = html`<div id="live" hx-sse:connect="/live?run=${run.id}" hx-sse:close="gone" hx-swap="none"></div>`;
    return frame.page(c, {
      title: `Run ${run.number}`,
      section: 'runs',
      body: html`<div class="page">
        ${run.endedAt === null ? live : nothing}
        <div
          id="run"
          hx-get="${PATH}/${run.id}/detail"
          hx-trigger="changed from:body"
          hx-swap="innerMorph"
          hx-sync="this:queue last"
        >
          ${drawn.body}
        </div>
      </div>`,
    });
  });
  pages.get(`${PATH}/:id/detail`, async (c) => c.html((await draw(c)).body));

  pages.post(`${PATH}/:id/stop`, async (c) => {
    const actor = allowed(c, 'run.stop');
    const id = idParam(c, 'run');
    const stopped = await client.stop(actor, id);
    if (stopped.kind === 'not_found') throw notFound('run');
    if (stopped.kind === 'forbidden') throw new UserError(stopped.text, { status: 403 });
    if (isPartial(c)) return c.body(null, 204);
    const { run, threadId } = await draw(c);
    const isOwn = run.run.requestedBy === actor.memberId && run.run.platform === 'web';
    return c.redirect(
      isOwn && c.req.header('referer')?.includes('/threads/') ? `/threads/${threadId}` : `/runs/${id}`,
      303,
    );
  });
  return pages;
}

function fields(actor: Actor, { values }: ListQuery<Query>, people: readonly PersonName[]): Html[] {
  const others = people.filter(({ id }) => id !== actor.memberId).map(({ id, name }) => ({ value: id, label: name }));
  const who = [{ value: actor.memberId, label: 'Me' }, ...others];
  return [
    inputFilter('q', 'Words in the request', {
      type: 'search',
      value: values['q'],
      placeholder: 'invoice "new york" -draft',
    }),
    selectFilter(
      'status',
      'Status',
      'Any',
      RUN_STATUSES.map((status) => ({ value: status, label: status })),
      values['status'],
    ),
    ...(people.length === 0 ? [] : [selectFilter('requestedBy', 'Asked by', 'Anyone', who, values['requestedBy'])]),
    selectFilter('platform', 'Where', 'Anywhere', PLATFORMS, values['platform']),
    inputFilter('from', 'From (UTC)', { type: 'date', value: values['from'] }),
    inputFilter('to', 'Through (UTC)', { type: 'date', value: values['to'] }),
  ];
}

const nothingListed = (actor: Actor, { values }: ListQuery<Query>): Html =>
  isFiltered(values)
    ? noMatch(PATH)
    : empty(
        'No runs yet',
        'Each request of the chat becomes a run that you can follow here.',
        may(actor, 'request.create') ? { href: '/', label: 'Ask something' } : undefined,
      );

const table = (items: readonly ListedRun[], isEverybodys: boolean): Html =>
  html`<table class="list">
    <thead>
      <tr>
        <th scope="col">Request</th>
        <th scope="col">Status</th>
        ${isEverybodys ? html`<th scope="col">Asked by</th>` : nothing}
        <th scope="col">Started (UTC)</th>
        <th scope="col">Took</th>
        <th scope="col">Cost</th>
      </tr>
    </thead>
    <tbody>
      ${items.map((row) => tableRow(row, isEverybodys))}
    </tbody>
  </table>`;

const tableRow = ({ run, text, requestedByName, costNanos }: ListedRun, isEverybodys: boolean): Html =>
  html`<tr>
    <td data-label="Request">
      <a class="clip" href="/runs/${run.id}">${requestText({ text, requestedByName })}</a>
    </td>
    <td data-label="Status">
      ${badge(run.status)}
      ${run.taint === null ? nothing : html`<span class="badge warn" title="${run.taint}">outside text</span>`}
    </td>
    ${isEverybodys ? html`<td data-label="Asked by">${requestedByName}</td>` : nothing}
    <td data-label="Started">${time(run.createdAt)}</td>
    <td data-label="Took">${run.endedAt ? duration(run.endedAt.getTime() - run.createdAt.getTime()) : '–'}</td>
    <td data-label="Cost">${costNanos === null ? 'unknown' : formatCost(costNanos)}</td>
  </tr>`;

/** What a run is called in a list: its request, or whose private one it is (RULES D3). */
export const requestText = ({ text, requestedByName }: Pick<ListedRun, 'text' | 'requestedByName'>): string =>
  text === null ? `Private request of ${requestedByName}` : cut(text, 200).replace(/ \(\d+ more characters\)$/, '');
