import { sql } from 'drizzle-orm';
import { sha256 } from '#core/hash.ts';
import { UserError } from '#core/errors.ts';
import type { Policy } from '#core/policy.ts';
import type { JsonObject, Payload } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import { isOnePersonOrg, readOrg } from '#db/orgs.ts';
import type { Run, ToolCall } from '#db/runs.ts';
import type { approvals } from '#db/schema/index.ts';
import { readContext } from './turn/context.ts';
import { bindCall, originsIn, whyApproval, whyUnfit } from './turn/propose.ts';
import { toolsFor, type Tool } from './turn/tools.ts';

export const MAX_ORIGINS = 50;

type Row = typeof approvals.$inferInsert;
/** What people are asked about a bound call: in one line, why, at what risk, what it quotes from outside, and who may decide until when. */
export type Question = Pick<Row, 'summary' | 'policy' | 'reason' | 'effect' | 'expiresAt'> & {
  origins: { path: string; origin: string }[];
  /** Where outside text in the run came from, or null. */
  taint: string | null;
};

/** The question as policy and context are now. `otherwise`: the reason when neither wants one. */
export async function questionOf(
  org: Org,
  run: Run,
  { name, tool, payload }: { name: string; tool: Tool | undefined; payload: Payload },
  otherwise: string,
): Promise<Question> {
  const { policy } = await readOrg(org);
  const context = await readContext(org, run);
  const taint = run.taint ?? context.taint;
  return {
    summary: tool?.kind === 'action' ? tool.action.preview(payload.arguments) : name,
    reason: (tool && whyApproval(tool, payload, policy, { ...context, taint })) ?? otherwise,
    effect: tool?.kind === 'action' ? tool.action.effect : null,
    origins: originsIn(payload.arguments, context.outside, context.own).slice(0, MAX_ORIGINS),
    taint,
    policy: {
      version: policy.version,
      roles: policy.approverRoles,
      members: policy.approverMembers,
      requesterMayDecide: taint === null && (await isOnePersonOrg(org)),
    },
    expiresAt: sql`now() + make_interval(secs => ${policy.approvalExpiresAfterMs / 1000})` as never,
  };
}

export type Revised = Question & { payload: string; payloadSha256: string };

/**
 * A stored call with other arguments, bound anew to the tool as it is now (RULES A4). `runs`: every run that waits for it, the one that asked first;
 * what any of them has read from outside stays. Writes nothing. Throws `UserError`: 422 naming the argument that does not fit, 409 when the tool has gone or is off.
 */
export async function reviseCall(
  org: Org,
  { call, runs }: { call: ToolCall; runs: readonly [Run, ...Run[]] },
  input: JsonObject,
): Promise<Revised> {
  const unfit = whyUnfit(input);
  if (unfit) throw new UserError(`input: ${unfit.text}`, { status: 422, field: 'input' });
  const { policy }: { policy: Policy } = await readOrg(org);
  const [first, ...others] = runs;
  const tool = (await toolsFor(org, first)).get(call.tool);
  if (tool?.kind !== 'action' || tool.connection.id !== call.connectionId)
    throw new UserError(`${call.tool} is no longer there, so this cannot be edited. Deny it and ask again.`, {
      status: 409,
    });
  // What is off would be approved in vain.
  if (tool.action.off !== undefined)
    throw new UserError(`${tool.action.off} It cannot be edited now. Deny it, or wait.`, { status: 409 });
  const { payload, text } = bindCall(tool, input, policy);
  const ask = (run: Run): Promise<Question> =>
    questionOf(org, run, { name: call.tool, tool, payload }, 'It was edited, so a person decides what runs.');
  const question = await ask(first);
  for (const run of others) {
    const other = await ask(run);
    question.taint ??= other.taint;
    question.origins = mergeOrigins(question.origins, other.origins);
    question.policy.requesterMayDecide &&= other.policy.requesterMayDecide;
  }
  return { ...question, payload: text, payloadSha256: sha256(text) };
}

/** Both, each place and origin once. */
export function mergeOrigins(known: Question['origins'], more: Question['origins']): Question['origins'] {
  const keys = new Set(known.map(({ path, origin }) => `${path} ${origin}`));
  return [...known, ...more.filter(({ path, origin }) => !keys.has(`${path} ${origin}`))].slice(0, MAX_ORIGINS);
}
