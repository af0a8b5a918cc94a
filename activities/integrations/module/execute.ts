import { z } from 'zod';
import { CallFailed, type ActionResult, type RunContext } from '#activities/integrations/connector.ts';
import { externalIdOf, readAnswer } from '#activities/integrations/rest/answer.ts';
import { hideCredential } from '#activities/integrations/rest/credential.ts';
import { callError, failureOf, type Asked } from '#activities/integrations/rest/failure.ts';
import { problemWith } from '#activities/integrations/rest/parse.ts';
import { isUnder } from '#activities/integrations/rest/path.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import { zJson, type Json, type JsonObject, type PreparedRequest } from '#core/tools.ts';
import { credentialOf, keyHeader } from './ask.ts';
import type { StoredModule } from './settings.ts';

const DONE = /^(completed|complete|success|succeeded|ok|done)$/i;
const FAILED = /^(failed|failure|error)$/i;

/** Characters of an output, as JSON: every turn of the run reads it again. */
const OUTPUT_LENGTH = 1_000_000;

/** What a module answers; more fields are ignored. */
const zAnswer = z.object({
  execution_id: z.union([z.string(), z.number()]).nullish(),
  status: z.string().trim(),
  output: zJson.optional(),
  error: zJson.optional(),
  /** Seconds or whatever the module counts in; passed on as it is. */
  duration: z.number().nullish(),
});

/** The request as it is approved: the module and its input. Org and task are added when it is sent, like the key. */
export const prepareExecute = (baseUrl: string, module: StoredModule, input: JsonObject): PreparedRequest => ({
  method: 'POST',
  url: `${baseUrl}/execute`,
  headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
  body: JSON.stringify({ module_id: module.id, input_data: input }),
});

/** Executes a module once. `output` of the result is `{execution_id, status, output, …}`. Throws `CallFailed`. */
export async function execute(
  context: RunContext,
  request: PreparedRequest,
  module: StoredModule,
  connection: { name: string; baseUrl: string },
): Promise<ActionResult> {
  const asked: Asked = { name: connection.name, isRead: module.effect === 'read' };
  if (!isUnder(connection.baseUrl, request.url))
    throw new CallFailed(`The address is not that of ${asked.name}, so nothing was sent. Ask for it again.`, {
      kind: 'refused',
    });
  const credential = credentialOf(context);
  const sent = { method: request.method, headers: headersOf(context, request, asked), body: bodyOf(context, request) };
  Object.assign(sent.headers, keyHeader(credential));
  const response = await context.fetch(request.url, sent).catch((error: unknown) => {
    throw callError(error, asked);
  });
  const hide = hideCredential({ type: 'header', name: 'X-API-Key', value: credential.apiKey ?? '' });
  const { json, output } = readAnswer(response.text(), hide);
  const answer = zAnswer.safeParse(json);
  const isOk = response.status >= 200 && response.status < 300;
  // A read that says that it failed needs no second try, whatever the status beside it.
  const hasFailed = answer.success && FAILED.test(answer.data.status) && (isOk || asked.isRead);
  if (hasFailed) throw failed(answer.data, asked);
  if (!isOk) throw failureOf(response, json, typeof output === 'string' ? output : '', asked);
  if (!answer.success || !DONE.test(answer.data.status)) throw unknown(answer.data, asked);
  return resultOf(answer.data, module, asked);
}

/** The key goes with every call, and stays the same for each try of one; only those who say that they honour it are relied on (RULES E7). */
function headersOf(context: RunContext, request: PreparedRequest, { isRead }: Asked): Record<string, string> {
  if (!isRead && context.idempotencyKey === null) throw new Error('a write was run without an idempotency key');
  const key = context.idempotencyKey ?? context.task?.callId;
  return { ...request.headers, ...(key === undefined ? {} : { 'Idempotency-Key': key }) };
}

function bodyOf({ task, idempotencyKey }: RunContext, { body }: PreparedRequest): string {
  const { module_id, input_data } = JSON.parse(body ?? '{}') as JsonObject;
  const taskId = idempotencyKey ?? task?.runId;
  return JSON.stringify({ module_id, org_id: task?.orgId, task_id: taskId, input_data });
}

type Answer = z.infer<typeof zAnswer>;

function resultOf(answer: Answer, module: StoredModule, asked: Asked): ActionResult {
  const output = answer.output ?? null;
  const problem = mismatch(output, module, asked);
  if (problem !== null && asked.isRead) throw new CallFailed(problem, { kind: 'refused' });
  const id = idOf(answer);
  const result: JsonObject = {
    ...(id === undefined ? {} : { execution_id: id }),
    status: 'completed',
    // It has happened, so the ledger says so; what it says about it is not what was promised, so nobody gets to use it.
    output: problem === null ? output : null,
    ...(problem === null ? {} : { error: problem }),
    ...(typeof answer.duration === 'number' ? { duration: answer.duration } : {}),
  };
  const externalId = asked.isRead ? undefined : (externalIdOf(result['output'], null, '') ?? id);
  return externalId === undefined ? { output: result } : { output: result, externalId };
}

function mismatch(output: Json, { id, output: schema }: StoredModule, { name }: Asked): string | null {
  if (JSON.stringify(output).length > OUTPUT_LENGTH)
    return `${id} of ${name} answered with more than ${OUTPUT_LENGTH} characters, so its output was not used. Ask it for less.`;
  if (schema === null) return null;
  const problem = problemWith(schema, output);
  if (problem === null) return null;
  const what = problem.message.replace(/^input: /, '');
  return `${id} of ${name} answered with something else than it promises, so its output was not used: ${cut(escapeInvisible(what), 300)}`;
}

const idOf = ({ execution_id: id }: Answer): string | undefined =>
  id === null || id === undefined || String(id).trim() === '' ? undefined : cut(String(id), 200);

function failed({ error }: Answer, { name }: Asked): CallFailed {
  const text = typeof error === 'string' ? error : (messageOf(error) ?? '');
  const said = cut(escapeInvisible(text.replaceAll(/\s+/g, ' ').trim()), 300);
  return new CallFailed(`${name} says that it failed.${said === '' ? '' : ` It said: “${said}”`}`, { kind: 'refused' });
}

const messageOf = (error: Json | undefined): string | undefined => {
  if (typeof error !== 'object' || error === null || Array.isArray(error)) return undefined;
  const said = error['message'] ?? error['detail'];
  return typeof said === 'string' ? said : undefined;
};

/** It answered, but nobody can tell how it ended: a write may have happened. */
function unknown(answer: Answer | undefined, { name, isRead }: Asked): CallFailed {
  const word = answer === undefined ? '' : `: “${cut(escapeInvisible(answer.status), 40)}”`;
  return new CallFailed(`${name} answered, but did not say how it ended${word}.`, {
    kind: isRead ? 'refused' : 'unclear',
  });
}
