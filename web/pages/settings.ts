import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { changeSettings, possibleDeciders, readSettings } from '#db/settings.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame, Html } from './frame.ts';
import { alert, allowed, attempt, field, good, hidden, nothing, readForm } from './parts.ts';
import { changeOf, readTyped, typedOf, type TypedSettings } from './settings-form.ts';

interface Said {
  problem?: string;
  success?: string;
  typed?: TypedSettings;
}

/** The organisation's policy, the hosts it may reach, its caps and how long it keeps things. */
export function settingsPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, config } = deps;
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, said: Said = {}, status = 200): Promise<Response> {
    const actor = allowed(c, 'policy.manage');
    const { now, deciders } = await db.withOrg(actor.orgId, async (org) => {
      const now = await readSettings(org);
      return { now, deciders: await possibleDeciders(org, now.policy.approverMembers) };
    });
    const typed = said.typed ?? typedOf(now);
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Settings</h1>
          <p class="lead">What goes on by itself, who decides the rest, what may be reached and what it may cost.</p>
        </div>
      </header>
      ${alert(said.problem)}${good(said.success)}
      ${now.warnings.map((warning) => html`<div class="note note-warning" role="note">${warning}</div>`)}
      <form method="post" action="/settings">
        ${hidden('version', typed.version)}${approvals(typed, deciders)}${reach(typed, config.ABETWORKS_EGRESS_ALLOW)}
        ${caps(typed)}${keeping(typed)}${slack(typed)}
        <p class="row">
          <button class="primary">Save</button>
          <small
            >Policy version ${now.policy.version}. Approvals that wait now keep the policy they were asked under.</small
          >
        </p>
      </form>
    </div>`;
    return frame.page(c, { title: 'Settings', section: 'settings', status, body });
  }

  pages.get('/settings', (c) => draw(c));

  pages.post('/settings', async (c) => {
    const actor = allowed(c, 'policy.manage');
    const typed = readTyped(await readForm(c));
    const changed = await attempt(() => {
      const change = changeOf(typed);
      return db.withOrg(actor.orgId, (org) => changeSettings(org, actor, typed.version, change));
    });
    if ('value' in changed)
      return draw(c, { success: changed.value.changed.length === 0 ? 'Nothing was changed.' : 'Saved.' });
    const { message, status } = changed.problem;
    // Somebody was faster: what is true now is shown, since typing over it unseen is what the version is against.
    if (status === 409)
      return draw(
        c,
        {
          problem: 'Somebody changed the settings since you opened them. This is how they are now: change them again.',
        },
        409,
      );
    return draw(c, { problem: message.replace(/^approver(Roles|Members): /, 'Who approves: '), typed }, status);
  });
  return pages;
}

const check = (name: string, value: string, isOn: boolean, label: Html | string): Html =>
  html`<label class="check"
    ><input type="checkbox" name="${name}" value="${value}" ${isOn ? 'checked' : ''} /><span>${label}</span></label
  >`;

const choice = (name: string, label: string, value: string): Html =>
  html`<div class="field">
    <label for="s-${name}">${label}</label>
    <select id="s-${name}" name="${name}">
      <option value="approve" ${value === 'approve' ? 'selected' : ''}>A person approves each</option>
      <option value="run" ${value === 'run' ? 'selected' : ''}>Go on by themselves</option>
    </select>
  </div>`;

const lines = (name: string, label: string, value: string, hint: string): Html =>
  html`<div class="field">
    <label for="s-${name}">${label}</label>
    <textarea id="s-${name}" name="${name}" rows="3" spellcheck="false" aria-describedby="s-${name}-hint">
${value}</textarea>
    <p class="hint" id="s-${name}-hint">${hint}</p>
  </div>`;

const ROLE_WORDS = { owner: 'Owners', admin: 'Admins', member: 'Members' } as const;

const approvals = (typed: TypedSettings, deciders: Awaited<ReturnType<typeof possibleDeciders>>): Html =>
  html`<section>
      <h2>Organisation</h2>
      ${field({ name: 'name', label: 'Name', value: typed.name })}
    </section>
    <section>
      <h2>Approvals</h2>
      <div class="grid2">
        ${choice('write', 'Writes', typed.write)}${choice('destructive', 'Deleting and overwriting', typed.destructive)}
      </div>
      <p class="hint">A request that has read text from outside always waits for a person before it writes.</p>
      <br />
      <fieldset>
        <legend>Who approves</legend>
        ${Object.entries(ROLE_WORDS).map(([role, words]) =>
          check('approverRoles', role, typed.approverRoles.includes(role), words),
        )}
        ${
          deciders.length === 0
            ? nothing
            : html`<details ${typed.approverMembers.length > 0 ? 'open' : ''}>
                <summary>These people too</summary>
                ${deciders.map(({ id, name, email, role }) =>
                  check(
                    'approverMembers',
                    id,
                    typed.approverMembers.includes(id),
                    html`${name} <small>${email}, ${role}</small>`,
                  ),
                )}
              </details>`
        }
        <p class="hint">Nobody approves what they asked for themselves. Viewers never approve.</p>
      </fieldset>
      <div class="grid2">
        ${field({ name: 'expiresAfter', label: 'Time to decide, in hours', value: typed.expiresAfter })}
        ${field({ name: 'useWithin', label: 'Time to use a decision, in hours', value: typed.useWithin, hint: 'After that it is asked again.' })}
      </div>
      ${lines('linkHosts', 'Hosts whose links stay links', typed.linkHosts, 'One a line, such as erp.example.com. Links to other hosts are shown as text.')}
    </section>`;

const reach = (typed: TypedSettings, operatorHosts: readonly string[]): Html =>
  html`<section>
    <h2>Hosts that connections may reach</h2>
    ${lines('egressHosts', 'Allowed hosts', typed.egressHosts, 'One a line: example.com, *.example.com for everything below it, example.com:8443 for another port than 80 and 443. Empty: any public host.')}
    <div class="field">
      <p class="label">Private addresses</p>
      ${
        operatorHosts.length === 0
          ? html`<p class="hint">
              None may be reached. Whoever runs the server can allow some (ABETWORKS_EGRESS_ALLOW).
            </p>`
          : html`<p class="mono">${operatorHosts.join(', ')}</p>
              <p class="hint">
                Set by whoever runs the server (ABETWORKS_EGRESS_ALLOW). The list above holds for them too.
              </p>`
      }
    </div>
  </section>`;

const caps = (typed: TypedSettings): Html =>
  html`<section>
    <h2>Limits</h2>
    <div class="grid2">
      ${field({ name: 'dailyCost', label: 'Models may cost in a day, in US dollars', value: typed.dailyCost, hint: 'Days are UTC.' })}
      ${field({ name: 'runCost', label: 'Models may cost for one request, in US dollars', value: typed.runCost })}
      ${field({ name: 'activeRuns', label: 'Requests of one member under way at once', value: typed.activeRuns, hint: 'Those that wait for a person count.' })}
    </div>
  </section>`;

const keeping = (typed: TypedSettings): Html =>
  html`<section>
    <h2>How long things are kept</h2>
    <div class="grid2">
      ${field({ name: 'runsDays', label: 'Requests, in days after they ended', value: typed.runsDays, isRequired: false, hint: 'Empty: for ever. What is older is deleted; the audit stays.' })}
      ${field({ name: 'eventsDays', label: 'Events of the platforms, in days', value: typed.eventsDays, isRequired: false, hint: 'Empty: for ever. At least 7, since they recognise what comes twice.' })}
    </div>
  </section>`;

const slack = (typed: TypedSettings): Html =>
  html`<section>
    <h2>Slack</h2>
    <p class="hint">Workspaces are connected under <a href="/slack">Slack</a>.</p>
    <br />
    <div class="field">
      ${check('slackTellApprovers', 'on', typed.slackTellApprovers === 'on', 'Send approvals to whoever may decide, as a direct message too')}
      ${check(
        'slackMatchEmail',
        'on',
        typed.slackMatchEmail === 'on',
        html`Take an unknown person for the member with the same e-mail address
          <small>Off: they link their account with a private one-time link.</small>`,
      )}
    </div>
    ${lines('slackChannels', 'Channels where people may ask', typed.slackChannels, 'One id a line, such as C0123ABCD (in Slack: the channel’s name, About, at the bottom). Empty: every channel the bot is in. Direct messages are always open.')}
  </section>`;
