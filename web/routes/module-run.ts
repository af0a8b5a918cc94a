import { setTimeout as pause } from 'node:timers/promises';
import { forbidden } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { cut } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import type { Principal } from '#db/api-keys.ts';
import { readGiven, type GivenState } from '#db/given.ts';
import { findApproval } from '#db/lists.ts';
import type { ToolCall } from '#db/runs.ts';
import type { WebDeps } from '#web/deps.ts';
import { ProblemError } from '#web/problem.ts';
import { approvalJson, zApproval } from './approval-json.ts';
import { z, zUuid } from './define.ts';

/** How long a caller is kept waiting; then the run goes on without them. */
const WAIT_MS = 50_000;
/** A run that waited for a module that is down ends at once when it is stopped. */
const STOP_WITHIN_MS = 5_000;
const [FIRST_LOOK_MS, LAST_LOOK_MS] = [20, 400];

export const zExecuted = z
  .object({
    execution_id: z.string(),
    status: z.string(),
    output: z.unknown(),
    error: z.string().optional(),
    duration: z.number().optional(),
    run_id: zUuid,
  })
  .openapi('Execution');
export const zWaiting = z.object({
  run_id: zUuid,
  status: z.enum(['waiting', 'running']),
  /** What it waits for, in a sentence. */
  text: z.string().nullable(),
  approval: zApproval.optional(),
});

interface Wanted extends Given {
  idempotencyId: string | undefined;
  signal: AbortSignal;
}
interface Given {
  tool: string;
  input: JsonObject;
  /** What the thread shows as the request. */
  title: string;
  /** The connection's. */
  name: string;
}
type Ended =
  | { kind: 'done'; answer: z.infer<typeof zExecuted> }
  | { kind: 'waiting'; answer: z.infer<typeof zWaiting> };
type Deps = Pick<WebDeps, 'db' | 'client'>;

/** Runs one given call as a request of the actor, and waits for its end. Throws `ProblemError` when it failed. */
export async function runGiven(deps: Deps, actor: Principal, wanted: Wanted): Promise<Ended> {
  const { tool, input, title, idempotencyId } = wanted;
  // One key, one run: what is asked again under the same idempotency key is the same event (RULES I2).
  const key = idempotencyId ?? newId();
  const received = await deps.client.receive(
    {
      sourceKey: `gateway:${key}`,
      where: { platform: 'web', tenant: actor.orgId, channel: 'api', thread: key },
      sender: { id: actor.memberId, name: actor.name, isBot: false, isGuest: false },
      text: `${title} with ${cut(JSON.stringify(input), 2_000)}`,
      isDirect: true,
    },
    { given: { tool, input } },
  );
  if (received.kind === 'refused') throw forbidden(received.text);
  if (received.kind === 'command') throw new ProblemError(409, received.text);
  const { runId } = received;
  const state = await waitFor(deps, actor, runId, WAIT_MS, isOver, wanted.signal);
  if (!state.isDown) return answerOf(deps, actor, wanted, state);
  // Whoever is told that it is down must not find it done later.
  await deps.client.stop(actor, runId);
  const stopped = await waitFor(deps, actor, runId, STOP_WITHIN_MS, ({ run }) => run.endedAt !== null, wanted.signal);
  // It came back just now: what went out is not cut off by Stop (RULES R5).
  if (stopped.run.endedAt === null || stopped.isMaybeSent || stopped.call?.endedAt)
    return answerOf(deps, actor, wanted, stopped);
  throw failure(503, `${wanted.name} is down, so nothing was run. Try again later.`, runId, { 'retry-after': '10' });
}

const isOver = ({ run, call, approvalId, isDown }: GivenState): boolean =>
  run.endedAt !== null || approvalId !== null || isDown || (run.status === 'waiting' && call?.status === 'ambiguous');

async function waitFor(
  { db }: Deps,
  { orgId }: Principal,
  runId: string,
  withinMs: number,
  isEnough: (state: GivenState) => boolean,
  signal: AbortSignal,
): Promise<GivenState> {
  const until = Date.now() + withinMs;
  for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 1.4, LAST_LOOK_MS)) {
    const state = await db.withOrg(orgId, (org) => readGiven(org, runId));
    if (isEnough(state) || Date.now() > until || signal.aborted) return state;
    await pause(lookMs);
  }
}

async function answerOf({ db }: Deps, actor: Principal, wanted: Wanted, state: GivenState): Promise<Ended> {
  const { run, call, approvalId, isMaybeSent } = state;
  if (run.endedAt === null) {
    // The run is read before its approval, and may have come to wait in between.
    const status = run.status === 'waiting' || approvalId !== null ? 'waiting' : 'running';
    const row = approvalId && (await db.withOrg(actor.orgId, (org) => findApproval(org, actor, approvalId)));
    const answer = { run_id: run.id, status, text: run.statusText } as const;
    return { kind: 'waiting', answer: row ? { ...answer, approval: approvalJson(row) } : answer };
  }
  if (call?.status === 'done') return { kind: 'done', answer: executed(call) };
  // Not a 5xx: who asks again under the same key must not have it run twice.
  if (isMaybeSent)
    throw failure(409, `Nobody knows whether ${wanted.name} has run it. Look there before you ask again.`, run.id);
  if (call?.status === 'failed') throw failure(502, call.result ?? `${wanted.name} failed.`, run.id);
  const why = call?.result ?? (run.status === 'stopped' ? 'The run was stopped.' : run.statusText);
  throw failure(run.status === 'failed' ? 502 : 409, why ?? 'It was not run.', run.id);
}

/** The call's result is the module's answer; a person's word that it was sent has none. */
function executed(call: ToolCall): z.infer<typeof zExecuted> {
  const said = parse(call.result);
  const text = (name: string): string | undefined => (typeof said[name] === 'string' ? said[name] : undefined);
  const { duration } = said;
  const error = text('error');
  return {
    execution_id: text('execution_id') ?? call.id,
    status: text('status') ?? 'completed',
    output: said['output'] ?? null,
    ...(error === undefined ? {} : { error }),
    ...(typeof duration === 'number' ? { duration } : {}),
    run_id: call.runId,
  };
}

function parse(result: string | null): { [name: string]: Json } {
  try {
    const json = JSON.parse(result ?? '{}') as Json;
    return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : { output: json };
  } catch {
    // Longer than the ledger keeps.
    return { output: result };
  }
}

const failure = (status: number, detail: string, runId: string, headers: Record<string, string> = {}): ProblemError =>
  new ProblemError(status, detail, { extensions: { run_id: runId }, headers });
