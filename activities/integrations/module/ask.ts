import { CallFailed, parseWith, type ConnectionResponse, type RunContext } from '#activities/integrations/connector.ts';
import { isHeaderValue } from '#activities/integrations/rest/credential.ts';
import { callError } from '#activities/integrations/rest/failure.ts';
import { isObject } from '#activities/integrations/rest/schema.ts';
import { normalBaseUrl } from '#activities/integrations/rest/settings.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import { zModuleCredential, zPlace, type ModuleCredential } from './settings.ts';

/** Characters of a list that are read. */
const LIST_LENGTH = 2_000_000;

export const credentialOf = (context: RunContext): ModuleCredential =>
  parseWith(zModuleCredential, context.credential, 'credential');

/** `X-API-Key`, when there is a key. */
export const keyHeader = ({ type, apiKey }: ModuleCredential): Record<string, string> =>
  type === 'none' || !apiKey || !isHeaderValue(apiKey) ? {} : { 'X-API-Key': apiKey };

/** `GET /modules`: the text of the list. Throws `CallFailed` with the next step. */
export async function askList(context: RunContext<JsonObject>): Promise<string> {
  const response = await get(context, '/modules');
  const text = response.text();
  if (text.length <= LIST_LENGTH) return text;
  throw new CallFailed(`${hostOf(context)} lists more than ${LIST_LENGTH} characters, which is more than is read.`, {
    kind: 'refused',
  });
}

/** `GET /health`: any 2xx counts as working, unless its JSON says otherwise. Throws `CallFailed` when it does not work. */
export async function askHealth(context: RunContext<JsonObject>): Promise<void> {
  const response = await get(context, '/health');
  const said = statusIn(response.text());
  if (said !== null && /^(down|unhealthy|error|fail(ed|ing)?|critical)$/i.test(said))
    throw new CallFailed(`${hostOf(context)} says that it does not work.`, { kind: 'refused' });
}

async function get(context: RunContext<JsonObject>, path: string): Promise<ConnectionResponse> {
  const host = hostOf(context);
  const url = `${normalBaseUrl(parseWith(zPlace, context.settings).baseUrl)}${path}`;
  const headers = { Accept: 'application/json', ...keyHeader(credentialOf(context)) };
  const response = await context.fetch(url, { method: 'GET', headers }).catch((error: unknown) => {
    throw withNextStep(callError(error, { name: host, isRead: true }));
  });
  const { status } = response;
  if (status >= 200 && status < 300) return response;
  throw new CallFailed(sentenceOf(status, host, path), { kind: 'refused', status });
}

const hostOf = (context: RunContext<JsonObject>): string =>
  new URL(parseWith(zPlace, context.settings).baseUrl.trim()).host;

function withNextStep(error: unknown): unknown {
  if (!(error instanceof CallFailed) || error.kind !== 'not_sent') return error;
  const { isUnreachable, cause } = error;
  const message = `${error.message} Start the module server, or check the base address, then try again.`;
  return new CallFailed(message, { kind: 'not_sent', isUnreachable, cause });
}

function sentenceOf(status: number, host: string, path: string): string {
  if (status === 401 || status === 403) return `${host} refused the API key (${status}): check it.`;
  if (status === 404 || status === 405) return `${host} has no GET ${path} (${status}): check the base address.`;
  if (status >= 500) return `${host} had an error of its own (${status}) at GET ${path}.`;
  return `${host} answered GET ${path} with ${status}: check the base address.`;
}

function statusIn(text: string): string | null {
  try {
    const json = JSON.parse(text) as Json;
    const status = isObject(json) ? json['status'] : null;
    return typeof status === 'string' ? status.trim() : null;
  } catch {
    return null;
  }
}
