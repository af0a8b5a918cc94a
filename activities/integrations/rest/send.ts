import type { ActionResult, ConnectionResponse, RunContext } from '#activities/integrations/connector.ts';
import { CallFailed, parseWith } from '#activities/integrations/connector.ts';
import type { PreparedRequest } from '#core/tools.ts';
import { externalIdOf, readAnswer } from './answer.ts';
import { hideCredential, withCredential, withHeader, zRestCredential, type RestCredential } from './credential.ts';
import { callError, failureOf, type Asked } from './failure.ts';
import { isUnder } from './path.ts';
import type { StoredAction } from './settings.ts';

/** Sends exactly these bytes; only the credential and, for writes, the idempotency key are added. Throws `CallFailed`. */
export async function sendRequest(
  context: RunContext,
  request: PreparedRequest,
  action: Pick<StoredAction, 'effect' | 'path'>,
  connection: { name: string; baseUrl: string },
): Promise<ActionResult> {
  const asked: Asked = { name: connection.name, isRead: action.effect === 'read' };
  const credential = credentialOf(context);
  const response = await ask(context, keyed(context, request, asked), credential, connection, asked);
  const text = response.text();
  const { output, json } = readAnswer(text, hideCredential(credential));
  if (response.status < 200 || response.status >= 300)
    throw failureOf(response, json, typeof output === 'string' ? output : '', asked);
  const result = text.trim() === '' ? { status: response.status } : output;
  const externalId = asked.isRead ? undefined : externalIdOf(json, response.headers.get('location'), action.path);
  return externalId === undefined ? { output: result } : { output: result, externalId };
}

/** One call with the credential. The place is checked again here: what was stored decides where a secret goes, so it is not taken on trust. */
export async function ask(
  context: RunContext,
  request: PreparedRequest,
  credential: RestCredential,
  { baseUrl, name }: { name: string; baseUrl: string },
  asked: Asked,
): Promise<ConnectionResponse> {
  if (!isUnder(baseUrl, request.url)) {
    throw new CallFailed(
      `The address is not under the base address of ${name}, so nothing was sent. Ask for it again.`,
      { kind: 'refused' },
    );
  }
  const { url, headers } = withCredential(request, credential);
  const sent = { method: request.method, headers, ...(request.body === null ? {} : { body: request.body }) };
  return context.fetch(url, sent).catch((error: unknown) => {
    throw callError(error, asked);
  });
}

export const credentialOf = (context: RunContext): RestCredential =>
  parseWith(zRestCredential, context.credential, 'credential');

/** The key goes with every write, whether or not the other side said it honours it (RULES E7). */
function keyed(context: RunContext, request: PreparedRequest, { isRead }: Asked): PreparedRequest {
  if (isRead) return request;
  if (context.idempotencyKey === null) throw new Error('a write was run without an idempotency key');
  return { ...request, headers: withHeader(request.headers, 'Idempotency-Key', context.idempotencyKey) };
}
