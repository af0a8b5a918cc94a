import type { JsonObject } from '#core/tools.ts';
import { parseWith, type Connector } from './connector.ts';
import { actionOf } from './module/action.ts';
import { askList, askHealth } from './module/ask.ts';
import { readListing } from './module/listing.ts';
import { acceptOffer, changesOf, compareOffer, hashOf, whyOff, zOffered } from './module/offer.ts';
import {
  asJson,
  enabledOf,
  zModuleCredential,
  zPlace,
  zRawSettings,
  zStoredSettings,
  type StoredSettings,
} from './module/settings.ts';
import { normalBaseUrl } from './rest/settings.ts';

/** Remote agents in any language: a server that lists its modules and executes them (docs/modules.md). */
export const moduleConnector: Connector = {
  id: 'module',
  title: 'Module server',
  description: 'Runs modules of your own, written in any language, behind three HTTP addresses.',
  settings: zRawSettings,
  credential: zModuleCredential,
  watched: {
    list: askList,
    probe: askHealth,
    compare: (settings, document) => compareOffer(stored(settings), document),
    changes: (settings, offered) => changesOf(stored(settings), parseWith(zOffered, offered, 'offered')),
    accept: (settings, offered, enabled) =>
      asJson(acceptOffer(stored(settings), parseWith(zOffered, offered, 'offered'), enabled)),
  },
  compile: async (raw, document) => {
    const { baseUrl, trusted, idempotency, enabled } = parseWith(zRawSettings, raw);
    const { modules, skipped } = readListing(document, { known: [], idempotency: idempotency ?? null });
    return asJson({
      baseUrl: normalBaseUrl(baseUrl),
      trusted: trusted ?? false,
      idempotency: idempotency ?? null,
      enabled: enabledOf(enabled, modules),
      modules,
      skipped,
      sha256: hashOf(modules),
    });
  },
  hosts: (settings) => [hostOf(parseWith(zPlace, settings).baseUrl)],
  actions: (settings, connection) => {
    const read = stored(settings);
    const enabled = new Set(read.enabled);
    const why = whyOff(connection);
    return read.modules
      .filter(({ name }) => enabled.has(name))
      .map((module) => actionOf(module, read, connection, why(module)));
  },
  test: async (context) => {
    const { baseUrl, modules } = stored(context.settings);
    await askHealth(context);
    const offered = compareOffer(stored(context.settings), await askList(context));
    const { host } = new URL(baseUrl);
    return offered === null
      ? `${host} answers and offers ${modules.length} ${modules.length === 1 ? 'module' : 'modules'}, as accepted.`
      : `${host} answers; what it offers differs from what was accepted.`;
  },
};

const stored = (settings: JsonObject): StoredSettings => parseWith(zStoredSettings, settings, 'settings');

/** `host:port`, the scheme's own port written out. */
function hostOf(baseUrl: string): string {
  const url = new URL(baseUrl);
  return `${url.hostname}:${url.port || (url.protocol === 'https:' ? '443' : '80')}`;
}
