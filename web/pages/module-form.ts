import { html } from 'hono/html';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { open, seal, type KeyRing } from '#core/keys.ts';
import type { Actor } from '#core/roles.ts';
import { escapeInvisible } from '#core/text.ts';
import { EFFECTS, type Json, type JsonObject } from '#core/tools.ts';
import type { Typed } from './connection-form.ts';
import { type Connector, credentialFields } from './credential-form.ts';
import type { Html } from './frame.ts';
import { alert, badge, field, hidden, nothing } from './parts.ts';

// A module server is asked what it offers before it is connected: what is on that list is what is accepted (docs/modules.md).

const zRead = z.object({
  baseUrl: z.string(),
  enabled: z.array(z.string()),
  skipped: z.array(z.string()),
  sha256: z.string(),
  modules: z.array(
    z.object({ id: z.string(), name: z.string(), label: z.string(), description: z.string(), effect: z.enum(EFFECTS) }),
  ),
});
export type ModulesRead = z.infer<typeof zRead>;
/** Stored settings of a module server, as far as pages show them. */
export const readModules = (settings: JsonObject): ModulesRead => zRead.parse(settings);

export const moduleSettings = (typed: Typed, enabled: 'reads' | string[]): Record<string, unknown> => ({
  baseUrl: typed.baseUrl,
  trusted: typed.isTrusted,
  enabled,
  ...(typed.hasKeys ? { idempotency: 'header' } : {}),
});

/** Step one. */
export const moduleStart = (connector: Connector, typed: Typed): Html =>
  html`${field({ name: 'baseUrl', label: 'Base address', type: 'url', value: typed.baseUrl, placeholder: 'https://modules.example.com', hint: 'Its modules are listed at /modules under this address. Connecting asks for that list.' })}
    ${credentialFields(connector)}
    <p class="hint">The key goes into X-API-Key. Leave it empty when the server asks for none.</p>`;

/** Step two: what says that it reads is on, everything else is off until somebody switches it on. */
export function modulePreview(
  connector: Connector,
  typed: Typed,
  settings: JsonObject,
  { sealed, problem = '' }: { sealed: string; problem?: string },
): Html {
  const { modules, skipped, enabled, sha256 } = readModules(settings);
  const isOn = new Set(typed.enabled.length > 0 ? typed.enabled : enabled);
  const group = (title: string, hint: string, wanted: typeof modules): Html =>
    wanted.length === 0
      ? nothing
      : html`<fieldset>
          <legend>${title}</legend>
          <p class="hint">${hint}</p>
          <div class="actions">${wanted.map((module) => moduleChoice(module, isOn.has(module.name)))}</div>
        </fieldset>`;
  return html`${alert(problem)}
    <form method="post" action="/connections">
      ${hidden('connector', connector.id)}${hidden('step', 'preview')}${hidden('name', typed.name)}${hidden('baseUrl', typed.baseUrl)}${hidden('seen', sha256)}${hidden('credential.sealed', sealed)}
      ${group(
        'Say that they read',
        'Run by themselves. That they change nothing is their own word: connecting accepts it.',
        modules.filter(({ effect }) => effect === 'read'),
      )}
      ${group(
        'May write',
        'Switch on what people may ask for. Each still waits for a decision, as your policy says.',
        modules.filter(({ effect }) => effect !== 'read'),
      )}
      ${
        skipped.length === 0
          ? nothing
          : html`<details>
              <summary>${skipped.length} left out</summary>
              <pre tabindex="0">${skipped.join('\n')}</pre>
            </details>`
      }
      <fieldset>
        <legend class="hush">Options</legend>
        <label class="check"
          ><input type="checkbox" name="idempotency" ${typed.hasKeys ? 'checked' : ''} /><span
            >It honours <code>Idempotency-Key</code><br /><small
              >Then an unclear execution is repeated safely instead of asked about. Leave it off when you are not
              sure.</small
            ></span
          ></label
        >
        <br />
        <label class="check"
          ><input type="checkbox" name="trusted" ${typed.isTrusted ? 'checked' : ''} /><span
            >Its words and answers are as good as our own<br /><small
              >Otherwise models do not see its descriptions, and a request that read its answers needs a person for
              every write.</small
            ></span
          ></label
        >
      </fieldset>
      <div class="row"><button class="primary">Connect</button><a class="button" href="/connections">Cancel</a></div>
    </form>`;
}

/** One module to switch on or off, with what its server says about it. */
export const moduleChoice = (
  { id, name, label, description, effect }: ModulesRead['modules'][number],
  isOn: boolean,
): Html =>
  html`<label class="check"
    ><input type="checkbox" name="enabled" value="${name}" ${isOn ? 'checked' : ''} /><span
      >${escapeInvisible(label)} ${effect === 'read' ? '' : badge(effect)}<br /><small class="mono">${id}</small>${
        description === '' ? '' : html`<br /><small>${escapeInvisible(description.replaceAll('\n', ' '))}</small>`
      }</span
    ></label
  >`;

const placeOf = ({ orgId, memberId }: Actor): string => `form:${orgId}:${memberId}`;

/** A credential on its way through a form of two steps: readable to us only, and of use to nobody else (RULES D5). */
export function sealTyped(keys: KeyRing, actor: Actor, credential: Json): string {
  const sealed = seal(keys.subkey('credentials'), Buffer.from(JSON.stringify(credential)), placeOf(actor));
  return `${keys.newest}:${Buffer.from(sealed).toString('base64')}`;
}

/** Throws `UserError` 422 when it was not sealed by this member's own form. */
export function openTyped(keys: KeyRing, actor: Actor, text: string): Json {
  const [keyId = '', base64 = ''] = text.split(':', 2);
  try {
    const plain = open(keys.subkey('credentials', keyId), Buffer.from(base64, 'base64'), placeOf(actor));
    return JSON.parse(Buffer.from(plain).toString('utf8')) as Json;
  } catch (error) {
    throw new UserError('The API key was lost on the way. Start again and type it anew.', {
      status: 422,
      field: 'credential',
      cause: error,
    });
  }
}
