import { forbidden, notFound } from '#core/errors.ts';
import { listEffects } from '#db/effect-list.ts';
import { listApprovals } from '#db/lists.ts';
import { costOfRuns, findRun } from '#db/run-list.ts';
import { readRunList } from '#db/views/index.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';
import { approvalJson, zApproval } from './approval-json.ts';
import { createApi, createRoute, failures, json, secured, z, zIdPath, zList, type Api } from './define.ts';
import { effectJson, zEffect } from './effect-json.ts';
import { runJson, zRun, zRunQuery } from './run-json.ts';

const zWholeRun = zRun.extend({ approvals: z.array(zApproval), effects: z.array(zEffect) }).openapi('WholeRun');

/** A run has at most 25 tool calls, so all its approvals and effects fit one page. */
const ALL = { limit: 100 };

export function runRoutes({ db, client }: Pick<WebDeps, 'db' | 'client'>): Api {
  const api = createApi();
  const list = createRoute({
    method: 'get',
    path: '/api/v1/runs',
    ...secured('run.read'),
    summary: 'Your runs; for owners and admins everybody’s, with the texts of private requests left out',
    request: { query: zRunQuery },
    responses: { 200: json(zList(zRun), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const actor = actorOf(c);
    const page = await readRunList(db, actor, c.req.valid('query'));
    const items = page.items.map((row) => runJson(row, row.costNanos));
    return c.json({ items, nextCursor: page.nextCursor }, 200);
  });

  const get = createRoute({
    method: 'get',
    path: '/api/v1/runs/{id}',
    ...secured('run.read'),
    summary: 'One run with its approvals and effects',
    request: { params: zIdPath },
    responses: { 200: json(zWholeRun, 'The run'), ...failures },
  });
  api.openapi(get, async (c) => {
    const actor = actorOf(c);
    const { id: runId } = c.req.valid('param');
    const answer = await db.withOrg(actor.orgId, async (org) => {
      const row = await findRun(org, actor, runId);
      if (!row) throw notFound('run');
      const approvals = await listApprovals(org, actor, { ...ALL, runId });
      const effects = await listEffects(org, actor, { ...ALL, runId });
      return {
        ...runJson(row, (await costOfRuns(org, [runId])).get(runId) ?? null),
        approvals: approvals.items.map((row) => approvalJson(row)),
        effects: effects.items.map(effectJson),
      };
    });
    return c.json(answer, 200);
  });

  const stop = createRoute({
    method: 'post',
    path: '/api/v1/runs/{id}/stop',
    ...secured('run.stop'),
    summary: 'Stop a run: nothing is sent from now on',
    request: { params: zIdPath },
    responses: { 202: json(z.object({ status: z.literal('stopping') }), 'Stopping'), ...failures },
  });
  api.openapi(stop, async (c) => {
    const stopped = await client.stop(actorOf(c), c.req.valid('param').id);
    if (stopped.kind === 'not_found') throw notFound('run');
    if (stopped.kind === 'forbidden') throw forbidden(stopped.text);
    if (stopped.kind === 'ended')
      throw new ProblemError(409, `The run has ended already (${stopped.status}).`, {
        extensions: { runStatus: stopped.status },
      });
    return c.json({ status: 'stopping' } as const, 202);
  });
  return api;
}
