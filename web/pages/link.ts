import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { forbidden, UserError } from '#core/errors.ts';
import { escapeInvisible } from '#core/text.ts';
import type { Principal } from '#db/api-keys.ts';
import { isOtherAddress, linkOver, type LinkView, readLink, useLink } from '#db/slack-links.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame, Html } from './frame.ts';
import { alert, allowed, attempt, nothing, readForm } from './parts.ts';

/** Where `/abet connect` leads: the member who opens it, signed in, ties a Slack account to themselves. Opening it changes nothing. */
export function linkPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db } = deps;
  const pages = new Hono<WebEnv>();

  const draw = (c: Context<WebEnv>, body: Html, status = 200) =>
    frame.page(c, { title: 'Link your Slack account', section: 'account', status, body: page(body) });
  const over = (c: Context<WebEnv>, { message, status }: UserError) =>
    draw(c, html`${alert(message)}<a class="button" href="/account">Your account</a>`, status);

  pages.get('/link/:token', async (c) => {
    const actor = person(c);
    const link = await db.withOrg(actor.orgId, (org) => readLink(org, c.req.param('token')));
    if (link.linkedTo) return draw(c, linked(link, actor), link.linkedTo.memberId === actor.memberId ? 200 : 409);
    return link.isOpen ? draw(c, question(link, actor)) : over(c, linkOver());
  });

  pages.post('/link/:token', async (c) => {
    const actor = person(c);
    const token = c.req.param('token');
    const isMine = (await readForm(c)).text('mine') === 'yes';
    const used = await attempt(() => db.withOrg(actor.orgId, (org) => useLink(org, actor, { token, isMine })));
    if ('value' in used) return draw(c, done(used.value));
    const { problem } = used;
    if (problem.status !== 422) return problem.status === 404 ? Promise.reject(problem) : over(c, problem);
    const link = await db.withOrg(actor.orgId, (org) => readLink(org, token));
    return draw(c, question(link, actor, problem.message), 422);
  });
  return pages;
}

/** Somebody in a browser: a key that a script holds ties no accounts. */
function person(c: Context<WebEnv>): Principal {
  const actor = allowed(c, 'account.manage');
  if (c.get('signedInBy') !== 'cookie') throw forbidden('Sign in with your password to link an account.');
  return actor;
}

const page = (body: Html): Html =>
  html`<div class="page">
    <header>
      <div><h1>Link your Slack account</h1></div>
    </header>
    ${body}
  </div>`;

const nameOf = ({ person: who, externalId }: LinkView): string => escapeInvisible(who?.name ?? externalId);

const question = (link: LinkView, actor: Principal, problem?: string): Html =>
  html`${alert(problem)}
    <dl class="facts">
      ${fact('Slack workspace', escapeInvisible(link.workspace))} ${fact('Slack account', nameOf(link))}
      ${fact('Its e-mail address', link.person?.email ? escapeInvisible(link.person.email) : 'Slack does not say')}
      ${fact('Will act as', html`${actor.name}, ${actor.email} (${actor.role})`)}
    </dl>
    <p class="note note-warning flow">
      Whoever holds this Slack account will ask, approve and deny as you. If Slack did not show you this link, and you
      alone, a moment ago, close this page: somebody else may have sent you theirs.
    </p>
    <form method="post">
      ${
        isOtherAddress(link, actor.email)
          ? html`<label class="check">
              <input type="checkbox" name="mine" value="yes" required />
              <span>This is my Slack account, although its address is not the one I sign in with here</span>
            </label>`
          : nothing
      }
      <div class="row">
        <button class="primary">Link it to me</button>
        <a class="button" href="/account">Cancel</a>
      </div>
    </form>`;

const fact = (name: string, value: string | Html): Html =>
  html`<div>
    <dt>${name}</dt>
    <dd>${value}</dd>
  </div>`;

const linked = (link: LinkView, actor: Principal): Html =>
  link.linkedTo?.memberId === actor.memberId
    ? html`<p class="lead">${nameOf(link)} in ${escapeInvisible(link.workspace)} is linked to you already.</p>
        <a class="button" href="/account">Your account</a>`
    : html`${alert(`${nameOf(link)} in ${escapeInvisible(link.workspace)} is linked to another member already.`)}
        <p>Whoever it is can unlink it on their account page, or in Slack with /abet disconnect. Then link it again.</p>
        <a class="button" href="/account">Your account</a>`;

const done = (link: LinkView): Html =>
  html`<div class="alert good flow" role="status">
      ${nameOf(link)} in ${escapeInvisible(link.workspace)} is linked to you. Go back to Slack and ask.
    </div>
    <p>You can unlink it at any time on your account page, or in Slack with /abet disconnect.</p>
    <p><a class="button" href="/account">Your account</a></p>`;
