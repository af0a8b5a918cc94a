import { Hono } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { errorText, UserError } from '#core/errors.ts';
import type { Auth } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { createLive, type Live } from '#web/live.ts';
import { ProblemError } from '#web/problem.ts';
import { createStatic } from '#web/static.ts';
import { accountPages } from './account.ts';
import { approvalPages } from './approvals.ts';
import { createViewed } from './card.ts';
import { auditPages } from './audit.ts';
import { chatPages } from './chat.ts';
import { connectionPages } from './connections.ts';
import { newConnectionPages } from './connection-new.ts';
import { doorPages } from './doors.ts';
import { editPages } from './edit.ts';
import { effectPages } from './effects.ts';
import { createFrame } from './frame.ts';
import { linkPages } from './link.ts';
import { liveRoute } from './live-route.ts';
import { memberAccountPages } from './member-accounts.ts';
import { memberPages } from './members.ts';
import { modelPages } from './models.ts';
import { isPartial } from './parts.ts';
import { runAgainPages } from './run-again.ts';
import { runPages } from './runs.ts';
import { settingsPages } from './settings.ts';
import { slackPages } from './slack.ts';

const TITLES: Record<number, string> = {
  403: 'Not allowed',
  404: 'Not here',
  413: 'Too large',
  500: 'Something failed on our side',
};
const FAILED = 'Try again; if it stays, give your admin the request id.';
const OPEN = /^\/(sign-in|sign-out|invite\/|reset\/|static\/)/;
const OURS =
  /^\/($|threads|approvals|effects|runs|connections|models|members|audit|settings|account|link\/|slack|live$)/;

/** Every page. Reads are GET, everything else POST; nobody sees a page without being signed in. Pass `live` to be able to end its streams. */
export function createPages(deps: WebDeps, auth: Auth, live: Live = createLive(deps)): Hono<WebEnv> {
  const files = createStatic();
  const frame = createFrame({ ...deps, files });
  const viewed = createViewed(deps.keys);
  const pages = new Hono<WebEnv>();

  pages.onError((error, c) => {
    const problem = error instanceof UserError ? error : new UserError(FAILED, { status: 500, cause: error });
    const requestId = c.get('requestId');
    if (problem.status >= 500) deps.log.error({ requestId, error: errorText(error) }, 'page failed');
    if (problem instanceof ProblemError)
      for (const [name, value] of Object.entries(problem.headers)) c.header(name, value);
    if (isPartial(c)) {
      c.header('hx-retarget', '#toast');
      c.header('hx-reswap', 'textContent');
      return c.text(problem.message, problem.status as ContentfulStatusCode);
    }
    const title = TITLES[problem.status] ?? 'That did not work';
    const body = html`<h1>${title}</h1>
      <p class="lead">${problem.message}</p>
      <p><a class="button" href="/">Back to the start</a></p>
      <p class="hint">Request ${requestId}</p>`;
    return frame.door(c, { title, status: problem.status, body });
  });

  pages.use(async (c, next) => {
    const { path } = c.req;
    if (c.get('actor') !== null || OPEN.test(path) || !OURS.test(path)) return next();
    if (isPartial(c)) {
      c.header('hx-redirect', '/sign-in');
      return c.body(null, 204);
    }
    if (path === '/live') return c.body(null, 401);
    const next_ = c.req.method === 'GET' ? `?next=${encodeURIComponent(path)}` : '';
    return c.redirect(`/sign-in${next_}`, 303);
  });

  pages.route('/', files.routes);
  pages.route('/', doorPages({ auth, frame }));
  pages.route('/', chatPages({ deps, frame, viewed }));
  pages.route('/', approvalPages({ deps, frame, viewed }));
  pages.route('/', editPages({ deps, frame }));
  pages.route('/', runPages({ deps, frame, viewed }));
  pages.route('/', runAgainPages({ deps, frame }));
  pages.route('/', effectPages({ deps, frame }));
  pages.route('/', auditPages({ deps, frame }));
  pages.route('/', newConnectionPages({ deps, frame }));
  pages.route('/', connectionPages({ deps, frame }));
  pages.route('/', memberPages({ deps, frame }));
  pages.route('/', memberAccountPages({ deps, frame }));
  pages.route('/', modelPages({ deps, frame }));
  pages.route('/', settingsPages({ deps, frame }));
  pages.route('/', slackPages({ deps, frame }));
  pages.route('/', accountPages({ deps, auth, frame }));
  pages.route('/', linkPages({ deps, frame }));
  pages.route('/', liveRoute({ deps, auth, live }));
  return pages;
}
