import type { JsonObject } from '#core/tools.ts';
import { parseWith, type Connector } from './connector.ts';
import { actionOf } from './rest/action.ts';
import { addressOf, asJson, compileSettings } from './rest/compile.ts';
import { zRestCredential } from './rest/credential.ts';
import { probe } from './rest/probe.ts';
import { zRawSettings, zStoredSettings, type StoredSettings } from './rest/settings.ts';

/** Any system with a REST interface: its actions come from an OpenAPI document, or are written down one by one. */
export const rest: Connector = {
  id: 'rest',
  title: 'REST API',
  description: 'Calls any system with an HTTP interface: give its OpenAPI document, or write its actions down.',
  settings: zRawSettings,
  credential: zRestCredential,
  documentUrl: (raw) => addressOf(parseWith(zRawSettings, raw).openapi),
  compile: async (raw, document) => asJson(await compileSettings(parseWith(zRawSettings, raw), document)),
  hosts: (settings) => [hostOf(stored(settings).baseUrl)],
  actions: (settings, connection) => {
    const read = stored(settings);
    const enabled = new Set(read.enabled);
    return read.actions.filter(({ name }) => enabled.has(name)).map((action) => actionOf(action, read, connection));
  },
  test: async (context) => probe(context, stored(context.settings)),
};

const stored = (settings: JsonObject): StoredSettings => parseWith(zStoredSettings, settings, 'settings');

/** `host:port`, the scheme's own port written out. */
function hostOf(baseUrl: string): string {
  const url = new URL(baseUrl);
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}
