import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { UserError } from '#core/errors.ts';
import { isStorable } from '#core/text.ts';
import { type Installation, listInstallations } from '#db/slack-installations.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { SlackCheck, SlackSetup } from '#web/slack.ts';
import type { Frame, Html } from './frame.ts';
import { alert, allowed, attempt, badge, good, hidden, nothing, readForm, time } from './parts.ts';

/** Where Slack sends the browser back to. */
export const REDIRECT_PATH = '/slack/oauth_redirect';
const APPS = 'https://api.slack.com/apps';

interface Said {
  problem?: string;
  success?: string;
  /** The workspace that was just installed. */
  connected?: string | undefined;
  /** The result of a test, under its workspace. */
  checked?: { tenant: string; check: SlackCheck };
}

/** Setting Slack up, step by step, and testing it; what is installed. */
export function slackPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, config, slack } = deps;
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, said: Said = {}, status = 200): Promise<Response> {
    const actor = allowed(c, 'connection.manage');
    const installed = await db.withOrg(actor.orgId, listInstallations);
    const bad = await slack?.problems();
    const fresh = installed.find(({ tenant, status }) => tenant === said.connected && status === 'active');
    const success = fresh ? connectedText(fresh) : said.success;
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Slack</h1>
          <p class="lead">Four steps, then people ask where they talk.</p>
        </div>
      </header>
      ${alert(said.problem)}${good(success)}
      ${slack ? html`${makeApp(slack)}${hearing(slack, config.publicUrl, bad?.appToken)}${tokens(slack, bad?.botToken)}` : off}
      ${workspaces(installed, said.checked)}
    </div>`;
    return frame.page(c, { title: 'Slack', section: 'slack', status, body });
  }
  const setUp = (): SlackSetup => {
    if (!slack) throw new UserError('Slack is not part of this server.', { status: 409 });
    return slack;
  };

  pages.get('/slack', (c) => draw(c, { connected: c.req.query('connected') }));

  pages.get('/slack/manifest.json', (c) => {
    allowed(c, 'connection.manage');
    const mode = c.req.query('mode') === 'socket' ? 'socket' : 'http';
    c.header('content-disposition', `attachment; filename="abetworks-${mode}.json"`);
    c.header('content-type', 'application/json');
    return c.body(setUp().manifest(mode));
  });

  pages.post('/slack/install', async (c) => {
    const actor = allowed(c, 'connection.manage');
    const begun = await attempt(() => setUp().begin(actor));
    if ('problem' in begun) return draw(c, { problem: begun.problem.message }, begun.problem.status);
    return c.redirect(begun.value, 303);
  });

  pages.get(REDIRECT_PATH, async (c) => {
    const actor = allowed(c, 'connection.manage');
    const { code = '', state = '', error } = c.req.query();
    if (error !== undefined) return draw(c, { problem: whyNotInstalled(error) }, 400);
    if (!code || !state || !isStorable(code + state))
      return draw(c, { problem: 'Slack sent nothing that could be used. Press Add to Slack again.' }, 400);
    const done = await attempt(() => setUp().finish(actor, { code, state }));
    if ('problem' in done) return draw(c, { problem: done.problem.message }, done.problem.status);
    // Away from the address that holds the code.
    return c.redirect(`/slack?connected=${encodeURIComponent(done.value.tenant)}`, 303);
  });

  pages.post('/slack/test', async (c) => {
    const actor = allowed(c, 'connection.manage');
    const tenant = (await readForm(c)).text('tenant');
    const check = await attempt(() => setUp().check({ orgId: actor.orgId, tenant }));
    if ('problem' in check) return draw(c, { problem: check.problem.message }, check.problem.status);
    return draw(c, { checked: { tenant, check: check.value } });
  });

  pages.post('/slack/remove', async (c) => {
    const actor = allowed(c, 'connection.manage');
    const tenant = (await readForm(c)).text('tenant');
    const removed = await attempt(() => setUp().remove(actor, tenant));
    if ('problem' in removed) return draw(c, { problem: removed.problem.message }, removed.problem.status);
    return draw(c, { success: 'Disconnected: the token is gone, and people there are not heard any more.' });
  });
  return pages;
}

/** Installed for all of an Enterprise the app is in none of its workspaces yet (docs.slack.dev, organization-ready apps). */
const connectedText = ({ teamName, isEnterprise }: Installation): string =>
  isEnterprise
    ? `${teamName} is connected. Now add the app to the workspaces of the Enterprise, below: it hears nothing before.`
    : `${teamName} is connected. Invite the bot to a channel, or write to it.`;

const whyNotInstalled = (error: string): string =>
  error === 'access_denied'
    ? 'The installation was cancelled in Slack. Nothing was changed.'
    : `Slack said “${error.slice(0, 80)}”. Press Add to Slack again; if it stays, look at the app’s OAuth settings (for an app without PKCE, SLACK_PKCE=0).`;

const off = html`<div class="empty">
  <h2>Slack is off</h2>
  <p>This server was started without its Slack part.</p>
</div>`;

const makeApp = (slack: SlackSetup): Html =>
  html`<section>
    <h2>1. Make the app</h2>
    <p>
      Open <a href="${APPS}" rel="noreferrer">${APPS}</a>, choose <strong>Create New App</strong>,
      <strong>From a manifest</strong>, and paste one of these.
    </p>
    ${(['http', 'socket'] as const).map(
      (mode) =>
        html`<details ${slack.hears.length === 0 && mode === 'http' ? 'open' : ''}>
          <summary>
            ${mode === 'http' ? 'Over HTTP: for a server that Slack can reach' : 'Socket Mode: for a laptop, or behind a firewall'}
          </summary>
          <div class="field">
            <label for="manifest-${mode}">Manifest</label>
            <textarea id="manifest-${mode}" rows="10" readonly spellcheck="false" class="mono">
${slack.manifest(mode)}</textarea>
          </div>
          <p class="row">
            <button type="button" class="small" data-copy="#manifest-${mode}">Copy</button>
            <a href="/slack/manifest.json?mode=${mode}">Download</a>
          </p>
        </details>`,
    )}
  </section>`;

/** `isNeeded`: nothing else was chosen instead. */
const step = (isDone: boolean, words: Html | string, isNeeded = true): Html =>
  html`<li>
    ${isDone ? badge('done') : isNeeded ? html`<span class="badge warn">to do</span>` : html`<span class="badge">not used</span>`}
    <span>${words}</span>
  </li>`;

const warning = (text: string): Html => html`<div class="note note-warning flow" role="note">${text}</div>`;

const hearing = (slack: SlackSetup, publicUrl: string, problem: string | null = null): Html =>
  html`<section>
    <h2>2. Let it be heard</h2>
    <p>One of the two is enough. Whoever runs the server sets them, and starts it again.</p>
    <ul class="todo">
      ${step(slack.hears.includes('http'), html`HTTP: <code>SLACK_SIGNING_SECRET</code>; Slack sends to <code>${publicUrl}/slack/events</code>`, slack.hears.length === 0)}
      ${step(slack.hears.includes('socket') && problem === null, html`Socket Mode: <code>SLACK_APP_TOKEN</code> with the scope <code>connections:write</code>`, slack.hears.length === 0 || problem !== null)}
    </ul>
    ${problem === null ? nothing : warning(problem)}
    ${
      slack.hears.includes('http') && !publicUrl.startsWith('https://')
        ? html`<div class="note note-warning flow" role="note">
            Slack sends to https addresses only. Set <code>PUBLIC_URL</code> to the address that Slack reaches, or use
            Socket Mode.
          </div>`
        : nothing
    }
  </section>`;

const tokens = (slack: SlackSetup, problem: string | null = null): Html =>
  html`<section>
    <h2>3. Connect workspaces</h2>
    <ul class="todo">
      ${step(slack.hasToken && problem === null, html`One workspace: <code>SLACK_BOT_TOKEN</code>; it belongs to the first organisation`, !slack.canInstall || problem !== null)}
      ${step(slack.canInstall, html`Any number: <code>SLACK_CLIENT_ID</code> and <code>SLACK_CLIENT_SECRET</code>, then the button below`, !slack.hasToken)}
    </ul>
    ${problem === null ? nothing : warning(problem)}
    ${
      slack.canInstall
        ? html`<form method="post" action="/slack/install"><button class="primary">Add to Slack</button></form>
            <p class="meta">
              Slack installs a new app only in the workspace where it was made. For others, switch on
              <strong>Manage Distribution</strong>, <strong>Activate Public Distribution</strong> in the app’s settings;
              else Slack says <code>invalid_team_for_non_distributed_app</code>.
            </p>`
        : nothing
    }
  </section>`;

const STATUS: Record<Installation['status'], string> = {
  active: 'active',
  revoked: 'down',
  uninstalled: 'removed',
};

function workspaces(installed: readonly Installation[], checked: Said['checked']): Html {
  return html`<section>
    <h2>4. Workspaces and their test</h2>
    ${
      installed.length === 0
        ? html`<div class="empty">
            <h3>No workspace yet</h3>
            <p>After step 3 it appears here, and can be tested.</p>
          </div>`
        : installed.map((one) => workspace(one, checked?.tenant === one.tenant ? checked.check : null))
    }
  </section>`;
}

const workspace = (one: Installation, check: SlackCheck | null): Html =>
  html`<article class="card" aria-labelledby="w-${one.tenant}">
    <h3 id="w-${one.tenant}">${one.teamName} ${badge(STATUS[one.status])}</h3>
    <p class="meta">
      ${one.isEnterprise ? 'Enterprise' : 'Workspace'} <span class="mono">${one.tenant}</span> ·
      ${one.source === 'env' ? 'token from the environment' : 'installed from here'} ·
      ${one.heardAt ? html`last heard ${time(one.heardAt)} UTC` : 'not heard yet: write something to the bot'}
    </p>
    ${one.problem ? html`<div class="note note-warning" role="note">${one.problem}</div>` : nothing}
    ${one.isEnterprise && one.status === 'active' && one.appId ? addToWorkspaces(one.tenant, one.appId) : nothing}
    ${check ? result(one, check) : nothing}
    <div class="row">
      <form method="post" action="/slack/test">
        ${hidden('tenant', one.tenant)}<button aria-label="Test: ${one.teamName}">Test</button>
      </form>
      ${
        one.source === 'oauth' && one.status !== 'uninstalled'
          ? html`<details>
              <summary>Disconnect</summary>
              <p>The token is deleted, and accounts linked from there are unlinked. Requests stay.</p>
              <form method="post" action="/slack/remove">
                ${hidden('tenant', one.tenant)}<button class="danger small" aria-label="Disconnect: ${one.teamName}">
                  Disconnect
                </button>
              </form>
            </details>`
          : nothing
      }
    </div>
  </article>`;

const addToWorkspaces = (enterprise: string, appId: string): Html =>
  html`<p>
    It works in those workspaces that it was added to:
    <a
      href="https://app.slack.com/manage/${encodeURIComponent(enterprise)}/integrations/profile/${encodeURIComponent(appId)}/workspaces/add"
      rel="noreferrer"
      >add it to workspaces</a
    >.
  </p>`;

/** auth.test, the scopes, and whether an event came. */
const result = (one: Installation, check: SlackCheck): Html =>
  html`<div role="status">
    <ul class="todo">
      ${step(check.isOk, check.text)}
      ${
        check.isOk
          ? step(
              check.missing.length === 0,
              check.missing.length === 0
                ? 'All scopes are there'
                : html`Missing: <code>${check.missing.join(', ')}</code>. Update the app from the manifest, then install
                    it again.`,
            )
          : nothing
      }
      ${step(one.heardAt !== null, one.heardAt ? 'An event was received' : 'No event yet. Write to the bot in Slack, then test again.')}
    </ul>
  </div>`;
