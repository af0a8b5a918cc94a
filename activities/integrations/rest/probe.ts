import type { RunContext } from '#activities/integrations/connector.ts';
import { listOf } from './schema.ts';
import type { JsonObject, PreparedRequest } from '#core/tools.ts';
import { failureOf, type Asked } from './failure.ts';
import { prepareRequest } from './prepare.ts';
import { parseArguments } from './parse.ts';
import { ask, credentialOf } from './send.ts';
import type { StoredSettings } from './settings.ts';

/** Asks for something harmless and says what answered. A wrong path is still an answer; a refused credential is not. Throws `CallFailed`. */
export async function probe(context: RunContext<JsonObject>, settings: StoredSettings): Promise<string> {
  const { host } = new URL(settings.baseUrl);
  const asked: Asked = { name: host, isRead: true };
  const { request, what } = requestOf(settings);
  const response = await ask(context, request, credentialOf(context), { name: host, baseUrl: settings.baseUrl }, asked);
  const { status } = response;
  if (status === 401 || status === 403 || status >= 500) throw failureOf(response, undefined, '', asked);
  if (status < 300) return `${host} answers: ${what} gave ${status}.`;
  if (status === 429) return `${host} answers, and asks us to slow down (429).`;
  return `${host} answers: ${what} gave ${status}. Check the base address if calls fail.`;
}

/** The first switched-on GET that needs no arguments, else the base address itself. */
function requestOf({ baseUrl, actions, enabled }: StoredSettings): { request: PreparedRequest; what: string } {
  const action = actions.find(
    ({ name, method, params, input }) =>
      method === 'GET' &&
      enabled.includes(name) &&
      listOf(input['required']).length === 0 &&
      params.every((param) => param.in !== 'path'),
  );
  if (action !== undefined) {
    return { request: prepareRequest(baseUrl, action, parseArguments(action.input, {})), what: `GET ${action.path}` };
  }
  return { request: { method: 'GET', url: baseUrl, headers: { Accept: '*/*' }, body: null }, what: 'its base address' };
}
