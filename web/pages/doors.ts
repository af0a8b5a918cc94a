import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { Auth } from '#web/auth/index.ts';
import { PASSWORD_LENGTH } from '#web/auth/better-auth.ts';
import type { WebEnv } from '#web/env.ts';
import { ProblemError } from '#web/problem.ts';
import type { Frame } from './frame.ts';
import { alert, attempt, field, hidden, readForm } from './parts.ts';

/** A path of ours to go on to; anything else would let a link send people elsewhere. */
export const safeNext = (next: string): string => (/^\/(?![/\\])[\x21-\x5b\x5d-\x7e]*$/.test(next) ? next : '/');

/** Coming in and going out: sign-in, invitation, forgotten password, sign-out. */
export function doorPages({ auth, frame }: { auth: Auth; frame: Frame }): Hono<WebEnv> {
  const pages = new Hono<WebEnv>();
  const peer = (c: { env?: WebEnv['Bindings'] }) => c.env?.incoming?.socket?.remoteAddress;

  const signInPage = (next: string, email = '', problem = ''): ReturnType<typeof html> =>
    html`<h1>Sign in</h1>
      <p class="lead">Use the account of your invitation.</p>
      ${alert(problem)}
      <form method="post" action="/sign-in">
        ${hidden('next', next)}
        ${field({ name: 'email', label: 'E-mail', type: 'email', value: email, autocomplete: 'username' })}
        ${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' })}
        <button class="primary">Sign in</button>
      </form>
      <p class="hint">No account, or forgot the password? Ask an admin of your organisation for a link.</p>`;

  pages.get('/sign-in', (c) => {
    const next = safeNext(c.req.query('next') ?? '/');
    return c.get('actor') ? c.redirect(next, 303) : frame.door(c, { title: 'Sign in', body: signInPage(next) });
  });
  pages.post('/sign-in', async (c) => {
    const form = await readForm(c);
    const [email, next] = [form.text('email'), safeNext(form.text('next'))];
    const signed = await auth.signIn(email, form.text('password'), c.req.raw.headers, peer(c));
    if (signed.kind === 'refused') {
      if (signed.retryAfterMs > 0) c.header('retry-after', `${Math.ceil(signed.retryAfterMs / 1000)}`);
      return frame.door(c, { title: 'Sign in', status: signed.status, body: signInPage(next, email, signed.text) });
    }
    for (const cookie of signed.cookies) c.header('set-cookie', cookie, { append: true });
    return c.redirect(next, 303);
  });
  pages.post('/sign-out', async (c) => {
    const { cookies } = await auth.signOut(c.req.raw.headers);
    for (const cookie of cookies) c.header('set-cookie', cookie, { append: true });
    return c.redirect('/sign-in', 303);
  });

  const signInWith = async (c: Context<WebEnv>, email: string, password: string): Promise<Response> => {
    const signed = await auth.signIn(email, password, c.req.raw.headers, peer(c));
    if (signed.kind === 'refused') return c.redirect('/sign-in', 303);
    for (const cookie of signed.cookies) c.header('set-cookie', cookie, { append: true });
    return c.redirect('/', 303);
  };

  const overPage = html`<h1>This link is over</h1>
    <p class="lead">It was used, is older than an hour, or was withdrawn. Ask your admin for a new one.</p>
    <a href="/sign-in">Go to sign-in</a>`;
  pages.get('/reset/:token', async (c) => {
    const token = c.req.param('token');
    const whose = await auth.readPasswordReset(token);
    return whose
      ? frame.door(c, { title: 'New password', body: choosePassword(token, whose) })
      : frame.door(c, { title: 'New password', status: 410, body: overPage });
  });
  pages.post('/reset/:token', async (c) => {
    const token = c.req.param('token');
    const password = (await readForm(c)).text('password');
    const reset = await attempt(() => auth.resetPassword(token, password, peer(c)));
    if ('value' in reset) return signInWith(c, reset.value.email, password);
    const { message, status } = reset.problem;
    const whose = status === 422 ? await auth.readPasswordReset(token) : null;
    const retryAfter = reset.problem instanceof ProblemError ? reset.problem.headers['retry-after'] : undefined;
    if (retryAfter !== undefined) c.header('retry-after', retryAfter);
    const body = whose
      ? choosePassword(token, whose, message)
      : status === 429
        ? html`<h1>New password</h1>
            ${alert(message)}`
        : overPage;
    return frame.door(c, { title: 'New password', status, body });
  });

  pages.get('/invite/:token', async (c) => {
    const invited = await auth.readInvitation(c.req.param('token'));
    if (!invited)
      return frame.door(c, {
        title: 'Invitation',
        status: 410,
        body: html`<h1>This link is over</h1>
          <p class="lead">It was used, is older than 48 hours, or was withdrawn. Ask your admin for a new one.</p>
          <a href="/sign-in">Go to sign-in</a>`,
      });
    return frame.door(c, { title: 'Welcome', body: welcome(c.req.param('token'), invited) });
  });
  pages.post('/invite/:token', async (c) => {
    const token = c.req.param('token');
    const password = (await readForm(c)).text('password');
    const address = peer(c);
    const accepted = await attempt(() =>
      auth.acceptInvitation(token, password, address === undefined ? {} : { address }),
    );
    if ('problem' in accepted) {
      const invited = await auth.readInvitation(token);
      const { message, status } = accepted.problem;
      const body = invited
        ? welcome(token, invited, message)
        : html`<h1>Invitation</h1>
            ${alert(message)}`;
      return frame.door(c, { title: 'Welcome', status, body });
    }
    return signInWith(c, accepted.value.email, password);
  });
  return pages;
}

const welcome = (token: string, invited: { email: string; name: string; orgName: string }, problem = '') =>
  html`<h1>Welcome, ${invited.name}</h1>
    <p class="lead">Choose a password to join ${invited.orgName}.</p>
    ${alert(problem)}
    <form method="post" action="/invite/${token}">
      <input type="hidden" name="username" autocomplete="username" value="${invited.email}" />
      ${field({ name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: `${PASSWORD_LENGTH.min} to ${PASSWORD_LENGTH.max} characters. You sign in with ${invited.email}.` })}
      <button class="primary">Join</button>
    </form>`;

const choosePassword = (token: string, whose: { email: string; name: string; orgName: string }, problem = '') =>
  html`<h1>Choose a new password</h1>
    <p class="lead">For ${whose.name} in ${whose.orgName}. You will be signed out everywhere else.</p>
    <p class="hint">
      API keys go on working. If somebody else may have had your password, look at them on your account page and revoke
      those you do not know.
    </p>
    ${alert(problem)}
    <form method="post" action="/reset/${token}">
      <input type="hidden" name="username" autocomplete="username" value="${whose.email}" />
      ${field({ name: 'password', label: 'New password', type: 'password', autocomplete: 'new-password', hint: `${PASSWORD_LENGTH.min} to ${PASSWORD_LENGTH.max} characters. You sign in with ${whose.email}.` })}
      <button class="primary">Set the password</button>
    </form>`;
