import { Hono } from 'hono';
import type { MiddlewareHandler } from 'hono';
import { createAuth } from './auth/index.ts';
import { checkJson, limitBody } from './body.ts';
import type { WebDeps } from './deps.ts';
import type { WebEnv } from './env.ts';
import { createEnvelope } from './headers.ts';
import { createIdempotency } from './idempotency.ts';
import { createMetrics } from './metrics.ts';
import { createObserver } from './observe.ts';
import { describeApi, operationsOf, renderDocs, type ApiDocument } from './openapi.ts';
import type { Live } from './live.ts';
import { createPages } from './pages/index.ts';
import { createErrorHandler, ProblemError } from './problem.ts';
import { apiKeyRoutes } from './routes/api-keys.ts';
import { approvalRoutes } from './routes/approvals.ts';
import { auditRoutes } from './routes/audit.ts';
import { connectionRoutes } from './routes/connections.ts';
import { createApi } from './routes/define.ts';
import { effectRoutes } from './routes/effects.ts';
import { healthRoutes } from './routes/health.ts';
import { invitationRoutes } from './routes/invitations.ts';
import { memberRoutes } from './routes/members.ts';
import { metricsRoutes } from './routes/metrics.ts';
import { modelRoutes } from './routes/models.ts';
import { moduleRoutes } from './routes/modules.ts';
import { requestRoutes } from './routes/requests.ts';
import { runRoutes } from './routes/runs.ts';
import { settingsRoutes } from './routes/settings.ts';
import { threadRoutes } from './routes/threads.ts';
import { createStatic } from './static.ts';

/** The web role as one fetch function: API, its document and docs, health, pages. */
export function createApp(deps: WebDeps, live?: Live): Hono<WebEnv> {
  const auth = createAuth(deps);
  const app = new Hono<WebEnv>();
  app.onError(createErrorHandler(deps.log));
  app.notFound(() => {
    throw new ProblemError(404, 'There is nothing at this address.');
  });
  const metrics = deps.metrics ?? createMetrics({ version: 'unknown', role: 'web', log: deps.log });
  app.use(createObserver({ log: deps.log, metrics }));
  app.use(createEnvelope(deps));

  // Health answers while the database is away, so it comes before anything that asks it.
  const health = healthRoutes(deps);
  app.route('/', health);
  const measured = metricsRoutes(metrics, deps.config);
  app.route('/', measured);
  // Before the rest: who knocks here has no session, and each door checks its own signatures and sizes.
  for (const [path, door] of Object.entries(deps.doors ?? {})) app.post(path, (c) => door(c.req.raw));
  app.use(limitBody);
  app.use(auth.sameOrigin);
  app.use(except('/static/', auth.middleware));
  app.use('/api/*', checkJson);
  app.use('/api/*', createIdempotency(deps));

  const api = createApi();
  const parts = [
    requestRoutes(deps),
    runRoutes(deps),
    threadRoutes(deps),
    approvalRoutes(deps),
    effectRoutes(deps),
    connectionRoutes(deps),
    moduleRoutes(deps),
  ];
  parts.push(memberRoutes(deps), invitationRoutes(auth), apiKeyRoutes(deps), settingsRoutes(deps), auditRoutes(deps));
  parts.push(modelRoutes(deps));
  for (const part of parts) api.route('/', part);
  app.route('/', api);

  const whole = createApi();
  for (const part of [health, measured, ...parts]) whole.route('/', part);
  const document = describeApi(whole, deps.config);
  const files = createStatic();
  app.get('/openapi.json', (c) => c.json(document));
  app.get('/docs', (c) => c.html(renderDocs(document, files)));
  refuseOtherMethods(app, document, Object.keys(deps.doors ?? {}));
  app.route('/', createPages(deps, auth, live));
  return app;
}

const except =
  (prefix: string, middleware: MiddlewareHandler<WebEnv>): MiddlewareHandler<WebEnv> =>
  (c, next) =>
    c.req.path.startsWith(prefix) ? next() : middleware(c, next);

/** 405 with Allow for a known path, where a router by itself says 404. */
function refuseOtherMethods(app: Hono<WebEnv>, document: ApiDocument, doors: readonly string[]): void {
  const allowed = new Map<string, string[]>([
    ['/openapi.json', ['GET']],
    ['/docs', ['GET']],
    ...doors.map((path): [string, string[]] => [path, ['POST']]),
  ]);
  for (const { method, path } of operationsOf(document)) allowed.set(path, [...(allowed.get(path) ?? []), method]);
  for (const [path, methods] of allowed) {
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
    app.all(path.replaceAll(/\{(\w+)\}/g, ':$1'), () => {
      throw new ProblemError(405, `Here only ${allow} can be used.`, { headers: { allow } });
    });
  }
}
