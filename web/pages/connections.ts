import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { findConnector, toolsOf } from '#activities/integrations/index.ts';
import { notFound } from '#core/errors.ts';
import { actorText, can } from '#core/roles.ts';
import { audit } from '#db/audit.ts';
import {
  type Connection,
  listConnections,
  noteTest,
  readConnection,
  removeConnection,
  rotateCredential,
} from '#db/connections.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { parseCredential } from '#web/routes/connection-input.ts';
import { acceptOffer } from '#web/routes/connection-accept.ts';
import { offerSection } from './connection-offer.ts';
import { credentialFields, readCredential } from './credential-form.ts';
import type { Frame, Html } from './frame.ts';
import { alert, allowed, attempt, badge, good, idParam, nothing, readForm, time } from './parts.ts';

/** What is connected: the list, and one connection with its tools, its test, its credential and its end. */
export function connectionPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, client, keys } = deps;
  const pages = new Hono<WebEnv>();

  pages.get('/connections', async (c) => {
    const actor = allowed(c, 'connection.read');
    const { items } = await db.withOrg(actor.orgId, (org) => listConnections(org, actor, { limit: 100 }));
    const mayManage = can(actor.role, 'connection.manage');
    const add = mayManage ? html`<a class="button primary" href="/connections/new">Connect a system</a>` : nothing;
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Connections</h1>
          <p class="lead">The systems the assistant may use for you.</p>
        </div>
        ${items.length === 0 ? nothing : add}
      </header>
      ${
        items.length === 0
          ? html`<div class="empty">
              <h2>Nothing is connected yet</h2>
              <p>
                ${mayManage ? 'Connect your first system: an ERP, a ticket desk, anything with a REST interface.' : 'Ask an admin to connect the systems you need.'}
              </p>
              ${add}
            </div>`
          : html`${LIVE}
              <table class="list">
                <thead>
                  <tr>
                    <th scope="col">Name</th>
                    <th scope="col">Kind</th>
                    <th scope="col">Tools</th>
                    <th scope="col">Health</th>
                    <th scope="col">Last test</th>
                  </tr>
                </thead>
                <tbody hx-get="/connections/rows" ${FOLLOWS}>
                  ${rowsOf(items)}
                </tbody>
              </table>`
      }
    </div>`;
    return frame.page(c, { title: 'Connections', section: 'connections', body });
  });

  pages.get('/connections/rows', async (c) => {
    const actor = allowed(c, 'connection.read');
    const { items } = await db.withOrg(actor.orgId, (org) => listConnections(org, actor, { limit: 100 }));
    return c.html(rowsOf(items));
  });

  const read = async (c: Context<WebEnv>, permission: 'connection.read' | 'connection.manage') => {
    const actor = allowed(c, permission);
    const row = await db.withOrg(actor.orgId, (org) => readConnection(org, actor, idParam(c, 'connection')));
    if (!row) throw notFound('connection');
    return { actor, row };
  };

  const draw = (
    c: Context<WebEnv>,
    row: Connection,
    mayManage: boolean,
    said: { problem?: string; success?: string } = {},
    status = 200,
  ) => frame.page(c, { title: row.name, section: 'connections', status, body: detail(row, mayManage, said) });

  pages.get('/connections/:id', async (c) => {
    const { actor, row } = await read(c, 'connection.read');
    return draw(c, row, can(actor.role, 'connection.manage'));
  });

  pages.get('/connections/:id/facts', async (c) => {
    const { row } = await read(c, 'connection.read');
    return c.html(factsOf(row));
  });

  pages.post('/connections/:id/test', async (c) => {
    const { actor, row } = await read(c, 'connection.manage');
    const tested = await attempt(() => client.testConnection(actor, row.id));
    const text = 'value' in tested ? tested.value : tested.problem.message;
    await db.withOrg(actor.orgId, async (org) => {
      await noteTest(org, row.id, text);
      const details = { isWorking: 'value' in tested };
      await audit(org, {
        actor: actorText(actor),
        action: 'connection.tested',
        target: { type: 'connection', id: row.id },
        details,
      });
    });
    const { row: after } = await read(c, 'connection.manage');
    return 'value' in tested
      ? draw(c, after, true, { success: text })
      : draw(c, after, true, { problem: text }, tested.problem.status);
  });

  pages.post('/connections/:id/credential', async (c) => {
    const { actor, row } = await read(c, 'connection.manage');
    const form = await readForm(c);
    const connector = findConnector(row.connector);
    const rotated = await attempt(async () => {
      const credential = parseCredential(connector, readCredential(connector, form));
      await db.withOrg(actor.orgId, async (org) => {
        const version = await rotateCredential(org, keys, row.id, credential);
        if (version === null) throw notFound('connection');
        const target = { type: 'connection', id: row.id };
        await audit(org, {
          actor: actorText(actor),
          action: 'connection.credential_rotated',
          target,
          details: { version },
        });
      });
    });
    if ('problem' in rotated) return draw(c, row, true, { problem: rotated.problem.message }, rotated.problem.status);
    return draw(c, row, true, { success: 'The credential was replaced; the old one is erased.' });
  });

  pages.post('/connections/:id/accept', async (c) => {
    const { actor, row } = await read(c, 'connection.manage');
    const form = await readForm(c);
    const accepted = await attempt(() =>
      acceptOffer(db, actor, row.id, { offeredSha256: form.text('offeredSha256'), enabled: form.all('enabled') }),
    );
    if ('problem' in accepted) {
      const { row: now } = await read(c, 'connection.manage');
      return draw(c, now, true, { problem: accepted.problem.message }, accepted.problem.status);
    }
    return draw(c, accepted.value, true, { success: 'Accepted. What is on may be asked for again.' });
  });

  pages.post('/connections/:id/remove', async (c) => {
    const { actor, row } = await read(c, 'connection.manage');
    const form = await readForm(c);
    if (form.text('sure') !== 'on')
      return draw(c, row, true, { problem: 'Tick the box first: removing cannot be undone.' }, 422);
    await db.withOrg(actor.orgId, async (org) => {
      if (!(await removeConnection(org, row.id))) throw notFound('connection');
      await audit(org, {
        actor: actorText(actor),
        action: 'connection.removed',
        target: { type: 'connection', id: row.id },
      });
    });
    return c.redirect('/connections', 303);
  });
  return pages;
}

/** Health changes by itself: what shows it follows. */
const LIVE = html`<div id="live" hx-sse:connect="/live" hx-sse:close="gone" hx-swap="none"></div>`;
const FOLLOWS = html`hx-trigger="changed from:#live throttle:2s" hx-swap="innerMorph" hx-sync="this:queue last"`;

const rowsOf = (items: readonly Connection[]): Html =>
  html`${items.map(
    (one) =>
      html`<tr>
        <td data-label="Name"><a href="/connections/${one.id}">${one.name}</a></td>
        <td data-label="Kind">${findConnector(one.connector).title}</td>
        <td data-label="Tools"><span class="mono">${one.slug}_…</span></td>
        <td data-label="Health">${healthCell(one)}</td>
        <td data-label="Last test"><span class="clip">${one.testResult ?? 'never'}</span></td>
      </tr>`,
  )}`;

function factsOf(row: Connection): Html {
  const connector = findConnector(row.connector);
  const facts: [string, string | Html][] = [
    ['Kind', connector.title],
    ...(typeof row.settings['baseUrl'] === 'string'
      ? [['Base address', html`<span class="mono">${row.settings['baseUrl']}</span>`] as [string, Html]]
      : []),
    ...(connector.watched ? [['Health', healthLine(row)] as [string, Html]] : []),
    ['Its answers', row.isTrusted ? 'trusted' : 'outside text'],
    ['Last test', row.testedAt ? html`${time(row.testedAt)}: ${row.testResult ?? ''}` : 'never'],
  ];
  return html`${facts.map(
    ([name, value]) =>
      html`<div>
        <dt>${name}</dt>
        <dd>${value}</dd>
      </div>`,
  )}`;
}

function detail(row: Connection, mayManage: boolean, said: { problem?: string; success?: string }): Html {
  const connector = findConnector(row.connector);
  const tools = toolsOf(row);
  return html`<div class="page">
    ${connector.watched ? LIVE : nothing}
    <header>
      <div>
        <h1>${row.name}</h1>
        <p class="lead">${connector.description}</p>
      </div>
      ${mayManage ? html`<form method="post" action="/connections/${row.id}/test"><button>Test connection</button></form>` : nothing}
    </header>
    ${alert(said.problem)}${good(said.success)}
    <dl class="facts" ${connector.watched ? html`hx-get="/connections/${row.id}/facts" ${FOLLOWS}` : ''}>
      ${factsOf(row)}
    </dl>
    ${offerSection(row, mayManage)}
    <section>
      <h2>Tools</h2>
      ${
        tools.length === 0
          ? html`<p class="muted">No action is on.</p>`
          : html`<ul class="steps">
              ${tools.map(
                ({ toolName, action }) =>
                  html`<li>
                    <span class="mono">${toolName}</span> ${badge(action.effect)}
                    <p class="meta">${action.description}</p>
                    ${action.off === undefined ? nothing : html`<p class="note note-warning">${action.off}</p>`}
                  </li>`,
              )}
            </ul>`
      }
    </section>
    ${mayManage ? manage(row, credentialFields(connector)) : nothing}
  </div>`;
}

const healthCell = ({ health, offered }: Connection): Html =>
  html`<span
    >${health === 'unknown' ? html`<span class="muted">not watched</span>` : badge(health)}
    ${offered === null ? nothing : badge('changed')}</span
  >`;

const healthLine = ({ health, healthText, healthSince, healthCheckedAt }: Connection): Html =>
  html`${badge(health)} ${healthSince ? html`since ${time(healthSince)}` : nothing}
  ${healthText === null || health === 'up' ? nothing : html`<br />${healthText}`}
  ${healthCheckedAt ? html`<br /><small>Looked at ${time(healthCheckedAt)}</small>` : nothing}`;

const manage = (row: Connection, fields: Html): Html =>
  html`${
      fields === nothing
        ? nothing
        : html`<section>
            <h2>Replace the credential</h2>
            <form method="post" action="/connections/${row.id}/credential">${fields}<button>Replace</button></form>
          </section>`
    }
    <section>
      <h2>Remove</h2>
      <form method="post" action="/connections/${row.id}/remove">
        <label class="check"
          ><input type="checkbox" name="sure" required /><span
            >Disconnect ${row.name} and erase its credential</span
          ></label
        >
        <br />
        <button class="danger">Remove</button>
      </form>
    </section>`;
