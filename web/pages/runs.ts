import { Hono } from 'hono';
import { html } from 'hono/html';
import { notFound, UserError } from '#core/errors.ts';
import { formatCost } from '#core/money.ts';
import { readOrg } from '#db/orgs.ts';
import { readRunList, readRunView } from '#db/views/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Viewed } from './card.ts';
import type { Frame } from './frame.ts';
import { allowed, badge, duration, idParam, isPartial, nothing, time } from './parts.ts';
import { runBody } from './run-view.ts';

/** What was asked and what became of it. */
export function runPages({ deps, frame, viewed }: { deps: WebDeps; frame: Frame; viewed: Viewed }): Hono<WebEnv> {
  const { db, client } = deps;
  const pages = new Hono<WebEnv>();

  pages.get('/runs', async (c) => {
    const actor = allowed(c, 'run.read');
    const list = await db.withOrg(actor.orgId, (org) => readRunList(org, actor, c.req.query('cursor')));
    const rows = list.items.map(
      (run) =>
        html`<tr>
          <td data-label="Request">
            <a class="clip" href="/runs/${run.id}">${run.text ?? 'Request of another member'}</a>
          </td>
          <td data-label="Status">${badge(run.status)}</td>
          ${list.isEverybodys ? html`<td data-label="Asked by">${run.requestedByName}</td>` : nothing}
          <td data-label="Started">${time(run.createdAt)}</td>
          <td data-label="Took">${run.endedAt ? duration(run.endedAt.getTime() - run.createdAt.getTime()) : '–'}</td>
          <td data-label="Cost">${run.costNanos === null ? 'unknown' : formatCost(run.costNanos)}</td>
        </tr>`,
    );
    const table = html`<table class="list">
      <thead>
        <tr>
          <th>Request</th>
          <th>Status</th>
          ${list.isEverybodys ? html`<th>Asked by</th>` : nothing}
          <th>Started (UTC)</th>
          <th>Took</th>
          <th>Cost</th>
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>`;
    const empty = html`<div class="empty">
      <h2>No runs yet</h2>
      <p>Each request of the chat becomes a run that you can follow here.</p>
      <a class="button primary" href="/">Ask something</a>
    </div>`;
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Runs</h1>
          <p class="lead">
            ${list.isEverybodys ? 'Every request of the organisation' : 'Your requests'}, what each did and what it
            cost.
          </p>
        </div>
      </header>
      ${rows.length === 0 ? empty : table}
      ${
        list.nextCursor === null
          ? nothing
          : html`<p class="meta"><a href="/runs?cursor=${list.nextCursor}">Older runs</a></p>`
      }
    </div>`;
    return frame.page(c, { title: 'Runs', section: 'runs', body });
  });

  async function draw(c: Parameters<typeof allowed>[0]) {
    const actor = allowed(c, 'run.read');
    const id = idParam(c, 'run');
    return db.withOrg(actor.orgId, async (org) => {
      const run = await readRunView(org, actor, id);
      if (!run) throw notFound('run');
      const { linkHosts } = (await readOrg(org)).policy;
      return { run, threadId: run.run.threadId, body: runBody(run, { actor, viewed, linkHosts }) };
    });
  }

  pages.get('/runs/:id', async (c) => {
    const { run, body } = await draw(c);
    const isActive = run.run.endedAt === null;
    const live = html`<div
      id="live"
      hx-sse:connect="/live?run=${run.run.id}"
      hx-sse:close="gone"
      hx-swap="none"
    ></div>`;
    return frame.page(c, {
      title: `Run ${run.run.number}`,
      section: 'runs',
      body: html`<div class="page">
        ${isActive ? live : nothing}
        <div
          id="run"
          hx-get="/runs/${run.run.id}/detail"
          hx-trigger="changed from:body"
          hx-swap="innerMorph"
          hx-sync="this:queue last"
        >
          ${body}
        </div>
      </div>`,
    });
  });
  pages.get('/runs/:id/detail', async (c) => c.html((await draw(c)).body));

  pages.post('/runs/:id/stop', async (c) => {
    const actor = allowed(c, 'run.stop');
    const id = idParam(c, 'run');
    const stopped = await client.stop(actor, id);
    if (stopped.kind === 'not_found') throw notFound('run');
    if (stopped.kind === 'forbidden') throw new UserError(stopped.text, { status: 403 });
    if (isPartial(c)) return c.body(null, 204);
    const { run, threadId } = await draw(c);
    const isOwnWeb = run.mayReadContent && c.req.header('referer')?.includes('/threads/');
    return c.redirect(isOwnWeb ? `/threads/${threadId}` : `/runs/${id}`, 303);
  });
  return pages;
}
