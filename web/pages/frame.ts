import type { Context } from 'hono';
import { html } from 'hono/html';
import type { StatusCode } from 'hono/utils/http-status';
import type { Html } from '#activities/chat/render/index.ts';
import { can, type Permission } from '#core/roles.ts';
import type { Principal } from '#db/api-keys.ts';
import type { Database } from '#db/client.ts';
import { readOrg } from '#db/orgs.ts';
import { countPending } from '#db/views/index.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebEnv } from '#web/env.ts';
import type { Static } from '#web/static.ts';

export type { Html };
export type Section =
  | 'chat'
  | 'approvals'
  | 'runs'
  | 'effects'
  | 'connections'
  | 'slack'
  | 'models'
  | 'members'
  | 'audit'
  | 'settings'
  | 'account';

export interface View {
  title: string;
  section?: Section;
  /** Beside the page: the recent threads. */
  aside?: Html;
  body: Html;
  status?: number;
}

/** Draws whole pages: the shell of those who are signed in, and the plain door of those who are not. */
export interface Frame {
  page(c: Context<WebEnv>, view: View): Promise<Response>;
  door(c: Context<WebEnv>, view: Pick<View, 'title' | 'body' | 'status'>): Response | Promise<Response>;
}

/** `needs`: shown to those whose role may see the page. */
const LINKS: { section: Section; href: string; label: string; needs?: Permission }[] = [
  { section: 'chat', href: '/', label: 'Chat' },
  { section: 'approvals', href: '/approvals', label: 'Approvals' },
  { section: 'runs', href: '/runs', label: 'Runs' },
  { section: 'effects', href: '/effects', label: 'Effects' },
  { section: 'connections', href: '/connections', label: 'Connections' },
  { section: 'slack', href: '/slack', label: 'Slack', needs: 'connection.manage' },
  { section: 'models', href: '/models', label: 'Models' },
  { section: 'members', href: '/members', label: 'Members' },
  { section: 'audit', href: '/audit', label: 'Audit', needs: 'audit.read' },
  { section: 'settings', href: '/settings', label: 'Settings', needs: 'policy.manage' },
];

// `open` is the reader's own: a live update closes no details. Without a referrer a browser sends forms with "Origin: null".
const HTMX = JSON.stringify({ morphIgnore: ['data-htmx-powered', 'open'], history: false });

/** The number beside "Approvals"; a part that changes it sends it along. */
export const pendingCount = (n: number): Html =>
  html`<span class="count" id="pending-count" ${n === 0 ? 'hidden' : ''}>${n}<span class="hush"> waiting</span></span>`;

export function createFrame({ db, modelName, files }: { db: Database; modelName: string; files: Static }): Frame {
  const document = (title: string, body: Html): Html =>
    html`<!doctype html>
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="htmx-config" content="${HTMX}" />
          <title>${title} · Abetworks</title>
          <link rel="icon" href="${files.urlOf('icon.svg')}" />
          ${['base.css', 'app.css', 'card.css', 'people.css', 'lists.css', 'connections.css', 'models.css'].map(
            (name) => html`<link rel="stylesheet" href="${files.urlOf(name)}" />`,
          )}
          ${['htmx.js', 'hx-sse.js', 'app.js'].map((name) => html`<script src="${files.urlOf(name)}" defer></script>`)}
        </head>
        <body>
          ${body}
        </body>
      </html>`;

  /** `model`: null for an org without one of its own, which the rules answer (RULES D7). */
  const side = (actor: Principal, org: { name: string; model: string | null }, pending: number, view: View): Html =>
    html`<header class="side">
      <div class="brand">
        <img src="${files.urlOf('icon.svg')}" alt="" width="24" height="24" />
        <span>${org.name}</span>
        <button type="button" class="small" data-menu aria-expanded="false" aria-controls="side">Menu</button>
      </div>
      <div class="side-body" id="side">
        <nav class="nav" aria-label="Main">
          ${LINKS.filter(({ needs }) => needs === undefined || can(actor.role, needs)).map(
            ({ section, href, label }) =>
              html`<a href="${href}" ${view.section === section ? html`aria-current="page"` : ''}
                >${label}${section === 'approvals' ? pendingCount(pending) : ''}</a
              >`,
          )}
        </nav>
        ${view.aside ?? ''}
        <div class="me">
          <p>
            <span class="badge" title="${org.model ?? 'rules'}">${org.model ?? 'Rule-based mode'}</span>
            <small>${actor.role}</small>
          </p>
          <div class="row">
            <p>
              <a href="/account"><strong>${actor.name}</strong></a>
            </p>
            <form method="post" action="/sign-out"><button class="quiet small">Sign out</button></form>
          </div>
        </div>
      </div>
    </header>`;

  return {
    page: async (c, view) => {
      const actor = actorOf(c);
      const { org, pending } = await db.withOrg(actor.orgId, async (tx) => ({
        org: await readOrg(tx),
        pending: await countPending(tx, actor),
      }));
      const model = org.isFirst && !modelName.startsWith('rules') ? modelName : null;
      const body = html`<a class="skip" href="#main">Skip to content</a>
        <div class="shell">
          ${side(actor, { name: org.name, model }, pending, view)}
          <main id="main" tabindex="-1">
            <div id="toast" role="status" aria-live="polite"></div>
            ${view.body}
          </main>
        </div>`;
      return c.html(document(view.title, body), (view.status ?? 200) as StatusCode & 200);
    },
    door: (c, view) => {
      const body = html`<main class="door" id="main">
        <div>
          <img src="${files.urlOf('icon.svg')}" alt="" width="36" height="36" />
          ${view.body}
        </div>
      </main>`;
      return c.html(document(view.title, body), (view.status ?? 200) as StatusCode & 200);
    },
  };
}
