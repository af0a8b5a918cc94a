import { sameText } from '#core/hash.ts';
import type { Config } from '#core/config.ts';
import type { Metrics } from '#web/metrics.ts';
import { ProblemError } from '#web/problem.ts';
import { createApi, createRoute, type Api } from './define.ts';

const TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** For Prometheus: no sign-in, but ABETWORKS_METRICS_TOKEN as bearer where it is set. */
export function metricsRoutes(metrics: Metrics, { ABETWORKS_METRICS_TOKEN: token }: Config): Api {
  const api = createApi();
  const read = createRoute({
    method: 'get',
    path: '/metrics',
    summary: 'Counts and times, for Prometheus',
    responses: {
      200: { description: 'Prometheus text', content: { 'text/plain': { schema: { type: 'string' } } } },
      401: { description: 'The token is missing or wrong' },
    },
  });
  api.openapi(read, async (c) => {
    if (token !== undefined && !sameText(c.req.header('authorization') ?? '', `Bearer ${token}`))
      throw new ProblemError(401, 'Metrics need the token of ABETWORKS_METRICS_TOKEN as bearer.', {
        headers: { 'www-authenticate': 'Bearer' },
      });
    return c.body(await metrics.read(), 200, { 'content-type': TEXT });
  });
  return api;
}
