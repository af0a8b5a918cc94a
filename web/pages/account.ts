import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { z } from 'zod';
import { notFound, UserError } from '#core/errors.ts';
import { actorText, API_KEY_SCOPES, type ApiKeyScope } from '#core/roles.ts';
import { zText } from '#core/text.ts';
import { listApiKeys, type Principal } from '#db/api-keys.ts';
import { unlinkIdentity } from '#db/identities.ts';
import { linkedAccounts } from '#db/slack-links.ts';
import { PASSWORD_LENGTH } from '#web/auth/better-auth.ts';
import type { Auth, OwnSession } from '#web/auth/index.ts';
import { makeOwnKey, MOST_KEYS, revokeKey } from '#web/auth/own-keys.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { deviceOf } from './device.ts';
import type { Frame, Html } from './frame.ts';
import { slackSection } from './linked-accounts.ts';
import { alert, allowed, attempt, badge, field, good, idParam, nothing, readForm, time } from './parts.ts';

const SCOPES: Record<ApiKeyScope, string> = {
  full: 'Everything you may do',
  read: 'Read only',
  ask: 'Ask, and follow what it asked for',
  decide: 'See and decide what waits for a person',
};
const zKey = z.object({ name: zText(100), scope: z.enum(API_KEY_SCOPES) });

interface Said {
  problem?: string;
  success?: string;
  /** A key, shown this once. */
  key?: string;
  typedName?: string;
}
const OWN_ACCOUNTS = {
  title: 'Slack accounts that act for you',
  none: 'None. Type /abet connect in Slack to link yours.',
  path: '/account/slack',
};
type Keys = Awaited<ReturnType<typeof listApiKeys>>['items'];

/** One's own password, API keys and sessions. */
export function accountPages({ deps, auth, frame }: { deps: WebDeps; auth: Auth; frame: Frame }): Hono<WebEnv> {
  const { db } = deps;
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, said: Said = {}, status = 200): Promise<Response> {
    const actor = allowed(c, 'account.manage');
    const { keys, accounts } = await db.withOrg(actor.orgId, async (org) => ({
      keys: await listApiKeys(org, actor.memberId, { limit: MOST_KEYS }, { isLive: true }),
      accounts: await linkedAccounts(org, actor.memberId),
    }));
    const sessions = await auth.ownSessions(actor, c.req.raw.headers);
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Your account</h1>
          <p class="lead">${actor.name}, ${actor.email}: ${actor.role}.</p>
        </div>
      </header>
      ${alert(said.problem)}${good(said.success)}${said.key === undefined ? nothing : shownKey(said.key)}
      ${keySection(actor, keys.items, said.typedName)}${slackSection(accounts, OWN_ACCOUNTS)}${sessionSection(sessions)}${passwordSection(actor)}
    </div>`;
    return frame.page(c, { title: 'Your account', section: 'account', status, body });
  }

  pages.get('/account', (c) => draw(c));

  pages.post('/account/password', async (c) => {
    const actor = allowed(c, 'account.manage');
    const form = await readForm(c);
    const changed = await attempt(() =>
      auth.changePassword(actor, form.text('current'), form.text('password'), c.req.raw.headers),
    );
    if ('problem' in changed) return draw(c, { problem: plain(changed.problem) }, changed.problem.status);
    return draw(c, { success: 'Your password is changed, and you are signed out everywhere else.' });
  });

  pages.post('/account/keys', async (c) => {
    const actor = allowed(c, 'apiKey.create');
    const form = await readForm(c);
    const wanted = zKey.safeParse({ name: form.text('name'), scope: form.text('scope') });
    if (!wanted.success)
      return draw(c, { problem: 'Name: must be 1 to 100 characters.', typedName: form.text('name') }, 422);
    const made = await attempt(() => makeOwnKey(db, actor, wanted.data));
    if ('problem' in made) return draw(c, { problem: made.problem.message }, made.problem.status);
    return draw(c, { key: made.value.key });
  });

  pages.post('/account/keys/:id/revoke', async (c) => {
    const actor = allowed(c, 'apiKey.create');
    await revokeKey(db, actor, idParam(c, 'API key'));
    return draw(c, { success: 'The key is revoked, for ever.' });
  });

  pages.post('/account/slack/:id/unlink', async (c) => {
    const actor = allowed(c, 'account.manage');
    const id = idParam(c, 'account');
    await db.withOrg(actor.orgId, async (org) => {
      const account = (await linkedAccounts(org, actor.memberId)).find((one) => one.id === id);
      if (!account) throw notFound('account');
      const { tenant, externalId } = account;
      const { memberId } = actor;
      await unlinkIdentity(org, {
        platform: 'slack',
        tenant,
        externalId,
        memberId,
        how: 'account',
        actor: actorText(actor),
      });
    });
    return draw(c, { success: 'Unlinked: that Slack account acts for you no more.' });
  });

  pages.post('/account/sessions/:id/end', async (c) => {
    const actor = allowed(c, 'account.manage');
    await auth.endOwnSession(actor, idParam(c, 'session'));
    return draw(c, { success: 'Signed out there.' });
  });

  pages.post('/account/sign-out', async (c) => {
    const actor = allowed(c, 'account.manage');
    await auth.endOwnSessions(actor);
    return c.redirect('/sign-in', 303);
  });
  return pages;
}

/** A problem of the forms, said as a person would. */
const plain = ({ message, field: name }: UserError): string =>
  name === 'current'
    ? 'That is not your current password. Nothing was changed.'
    : message.replace(/^password: /, 'New password: ');

const keySection = (actor: Principal, keys: Keys, typedName = ''): Html =>
  html`<section>
    <h2>API keys</h2>
    <p class="lead">For scripts that act for you. How to use one: <a href="/docs">the API</a>.</p>
    <br />
    ${
      keys.length === 0
        ? nothing
        : html`<table class="list">
            <caption class="hush">
              Your API keys
            </caption>
            <thead>
              <tr>
                <th scope="col">Name</th>
                <th scope="col">Made (UTC)</th>
                <th scope="col">Scope</th>
                <th scope="col">Last used (UTC)</th>
                <th scope="col"><span class="hush">Revoke</span></th>
              </tr>
            </thead>
            <tbody>
              ${keys.map((key) => keyRow(actor, key))}
            </tbody>
          </table>`
    }
    <form method="post" action="/account/keys">
      <div class="grid2">
        ${field({ name: 'name', label: 'Name of a new key', value: typedName, hint: 'What will use it, such as “nightly report”.' })}
        <div class="field">
          <label for="key-scope">Scope</label>
          <select id="key-scope" name="scope">
            ${API_KEY_SCOPES.map((scope) => html`<option value="${scope}">${SCOPES[scope]} (${scope})</option>`)}
          </select>
        </div>
      </div>
      <button>Make a key</button>
    </form>
  </section>`;

const keyRow = (actor: Principal, key: Keys[number]): Html =>
  html`<tr>
    <td data-label="Name">
      <span class="clip">${key.name}<br /><small class="mono">${key.prefix}…</small></span>
    </td>
    <td data-label="Made (UTC)">
      ${time(key.createdAt)}${key.createdBy === actor.memberId ? '' : html` by ${key.createdByName}`}
    </td>
    <td data-label="Scope">${key.scopes.map((scope) => badge(scope))}</td>
    <td data-label="Last used (UTC)">${key.lastUsedAt ? time(key.lastUsedAt) : 'never'}</td>
    <td data-label="" class="end">
      <form method="post" action="/account/keys/${key.id}/revoke">
        <button class="small danger" aria-label="Revoke ${key.name}">Revoke</button>
      </form>
    </td>
  </tr>`;

const shownKey = (key: string): Html =>
  html`<div class="alert good" role="status">
    <strong>Copy the key now.</strong> It is shown only this once; we keep no copy.
    <div class="secret">
      <input id="new-key" value="${key}" readonly aria-label="The new API key" /><button
        type="button"
        data-copy="#new-key"
      >
        Copy
      </button>
    </div>
  </div>`;

const sessionSection = (sessions: readonly OwnSession[]): Html =>
  html`<section>
    <h2>Where you are signed in</h2>
    ${
      sessions.length === 0
        ? html`<p class="muted">Nowhere: this page was opened with an API key.</p>`
        : html`<table class="list">
              <caption class="hush">
                Where you are signed in
              </caption>
              <thead>
                <tr>
                  <th scope="col">Device</th>
                  <th scope="col">Signed in (UTC)</th>
                  <th scope="col">Last seen (UTC)</th>
                  <th scope="col"><span class="hush">Sign out</span></th>
                </tr>
              </thead>
              <tbody>
                ${sessions.map(sessionRow)}
              </tbody>
            </table>
            <form method="post" action="/account/sign-out">
              <button class="danger">Sign out everywhere</button>
              <p class="hint">Here too. API keys go on working.</p>
            </form>`
    }
  </section>`;

const sessionRow = (session: OwnSession): Html => {
  const device = deviceOf(session.userAgent);
  return html`<tr>
    <td data-label="Device">${device}${session.isThis ? html` <span class="badge good">this one</span>` : ''}</td>
    <td data-label="Signed in (UTC)">${time(session.createdAt)}</td>
    <td data-label="Last seen (UTC)">${time(session.seenAt)}</td>
    <td data-label="" class="end">
      ${
        session.isThis
          ? nothing
          : html`<form method="post" action="/account/sessions/${session.id}/end">
              <button class="small" aria-label="Sign out ${device}">Sign out</button>
            </form>`
      }
    </td>
  </tr>`;
};

const passwordSection = ({ email }: Principal): Html =>
  html`<section>
    <h2>Change your password</h2>
    <form method="post" action="/account/password">
      <input type="hidden" name="username" autocomplete="username" value="${email}" />
      <div class="grid2">
        ${field({ name: 'current', label: 'Current password', type: 'password', autocomplete: 'current-password' })}
        ${field({ name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: `${PASSWORD_LENGTH.min} to ${PASSWORD_LENGTH.max} characters. Signs you out everywhere else.` })}
      </div>
      <button>Change</button>
    </form>
  </section>`;
