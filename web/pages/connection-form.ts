import { html } from 'hono/html';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import type { JsonObject } from '#core/tools.ts';
import { type Connector, credentialFields, humanLabel, textFields } from './credential-form.ts';
import type { Html } from './frame.ts';
import { moduleSettings, moduleStart } from './module-form.ts';
import { alert, badge, field, type Form, hidden, nothing } from './parts.ts';

// A REST connection is made in two steps: what it is, then which of its actions are on (RULES S5).

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const ROWS = 4;
const DOCUMENT_BYTES = 5 * 1024 * 1024;

const zRead = z.object({
  baseUrl: z.string().default(''),
  enabled: z.array(z.string()).default([]),
  skipped: z.array(z.string()).default([]),
  actions: z
    .array(
      z.object({
        name: z.string(),
        title: z.string().default(''),
        method: z.string(),
        path: z.string(),
        effect: z.enum(['read', 'write', 'destructive']),
      }),
    )
    .default([]),
});
export type RestRead = z.infer<typeof zRead>;
/** Stored settings of a REST connection, as far as pages show them. */
export const readRest = (settings: JsonObject): RestRead => zRead.parse(settings);

/** What was typed, by field, so that a problem loses nothing. */
export interface Typed {
  name: string;
  baseUrl: string;
  source: string;
  openapiUrl: string;
  openapiText: string;
  rows: { name: string; method: string; path: string; args: string }[];
  isTrusted: boolean;
  hasKeys: boolean;
  enabled: string[];
  settings: Record<string, string>;
}

export async function readTyped(form: Form, connector: Connector): Promise<Typed> {
  const column = (name: string) => form.all(`action.${name}`);
  const rows = column('name').map((name, index) => ({
    name: name.trim(),
    method: column('method')[index] ?? 'GET',
    path: (column('path')[index] ?? '').trim(),
    args: (column('args')[index] ?? '').trim(),
  }));
  const file = form.file('openapiFile');
  if (file && file.size > DOCUMENT_BYTES)
    throw new UserError('The document may be 5 MB at most.', { status: 422, field: 'openapi' });
  return {
    name: form.text('name').trim(),
    baseUrl: form.text('baseUrl').trim(),
    source: file ? 'text' : form.text('source'),
    openapiUrl: form.text('openapiUrl').trim(),
    openapiText: file ? await file.text() : form.text('openapiText'),
    rows,
    isTrusted: form.text('trusted') === 'on',
    hasKeys: form.text('idempotency') === 'on',
    enabled: form.all('enabled'),
    settings: Object.fromEntries(
      textFields(connector.settings).map(({ name }) => [name, form.text(`settings.${name}`).trim()]),
    ),
  };
}

export const nothingTyped: Typed = {
  name: '',
  baseUrl: '',
  source: 'url',
  openapiUrl: '',
  openapiText: '',
  rows: [],
  isTrusted: false,
  hasKeys: false,
  enabled: [],
  settings: {},
};

/** Settings for the connector's compile step. Throws `UserError` 422 naming the field. */
export function rawSettings(connector: Connector, typed: Typed, enabled: 'reads' | string[]): Record<string, unknown> {
  if (connector.watched) return moduleSettings(typed, enabled);
  if (connector.id !== 'rest') return typed.settings;
  const base = {
    baseUrl: typed.baseUrl,
    trusted: typed.isTrusted,
    enabled,
    ...(typed.hasKeys ? { idempotency: 'header' } : {}),
  };
  if (typed.source === 'hand')
    return { ...base, actions: typed.rows.filter(({ name, path }) => name !== '' || path !== '').map(actionOf) };
  const openapi = typed.source === 'url' ? typed.openapiUrl : typed.openapiText;
  if (openapi.trim() === '')
    throw new UserError('Give the OpenAPI document: its address, a file or its text. Or write the actions by hand.', {
      status: 422,
      field: 'openapi',
    });
  return { ...base, openapi };
}

/** "amount:number, customer, note?" → JSON Schema. */
function actionOf({ name, method, path, args }: Typed['rows'][number]): Record<string, unknown> {
  const parts = args
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
  const fields = parts.map((part) => {
    const found = /^([A-Za-z_][\w-]*)(?::(string|number|integer|boolean))?(\?)?$/.exec(part);
    if (!found)
      throw new UserError(
        `Arguments of ${name || path}: “${part}” is not understood. Write: amount:number, customer, note?`,
        { status: 422, field: 'actions' },
      );
    return { name: found[1] ?? '', type: found[2] ?? 'string', isRequired: found[3] === undefined };
  });
  const input = {
    type: 'object',
    properties: Object.fromEntries(fields.map((one) => [one.name, { type: one.type }])),
    required: fields.filter(({ isRequired }) => isRequired).map((one) => one.name),
  };
  return { name, method, path, ...(fields.length > 0 ? { input } : {}) };
}

/** Step one. */
export function startForm(connector: Connector, typed: Typed, problem = ''): Html {
  const isRest = connector.id === 'rest';
  const hasPreview = isRest || connector.watched !== undefined;
  const path = hasPreview ? '/connections/preview' : '/connections';
  return html`${alert(problem)}
    <form method="post" action="${path}" enctype="multipart/form-data">
      ${hidden('connector', connector.id)}
      ${field({ name: 'name', label: 'Name', value: typed.name || (hasPreview ? '' : connector.title), placeholder: isRest ? 'ERP' : 'Analytics', hint: 'People say it in chat, and its tools are named after it.' })}
      ${isRest ? restStart(typed) : connector.watched ? moduleStart(connector, typed) : html`${textFields(connector.settings).map(({ name, isRequired }) => field({ name: `settings.${name}`, label: humanLabel(name), value: typed.settings[name], isRequired }))}${credentialFields(connector)}`}
      <div class="row">
        <button class="primary">${hasPreview ? 'Continue' : 'Connect'}</button
        ><a class="button" href="/connections">Cancel</a>
      </div>
    </form>`;
}

function restStart(typed: Typed): Html {
  const option = (value: string, label: string) =>
    html`<option value="${value}" ${typed.source === value ? 'selected' : ''}>${label}</option>`;
  const rows = Array.from(
    { length: Math.max(ROWS, typed.rows.length) },
    (_, i) => typed.rows[i] ?? { name: '', method: 'GET', path: '', args: '' },
  );
  return html`${field({ name: 'baseUrl', label: 'Base address', type: 'url', value: typed.baseUrl, placeholder: 'https://erp.example.com/api', hint: 'Everything it calls lies under this address.' })}
    <div class="field">
      <label for="source">Its actions come from</label>
      <select id="source" name="source" data-shows>
        ${option('url', 'An OpenAPI document at an address')}${option('text', 'An OpenAPI document: file or text')}${option('hand', 'A list written by hand')}
      </select>
    </div>
    <fieldset data-for="url">
      <legend class="hush">Address</legend>
      ${field({ name: 'openapiUrl', label: 'Address of the document', type: 'url', value: typed.openapiUrl, isRequired: false, placeholder: 'https://erp.example.com/openapi.json' })}
    </fieldset>
    <fieldset data-for="text">
      <legend class="hush">Document</legend>
      <div class="field">
        <label for="openapi-file">File</label
        ><input id="openapi-file" type="file" name="openapiFile" accept=".json,.yaml,.yml" />
      </div>
      <div class="field">
        <label for="openapi-text">or its text</label
        ><textarea id="openapi-text" name="openapiText" rows="6" spellcheck="false" placeholder="openapi: 3.1.0">
${typed.openapiText}</textarea>
      </div>
    </fieldset>
    <fieldset data-for="hand">
      <legend>Actions</legend>
      ${rows.map(
        (row, i) =>
          html`<div class="action-row">
            <input
              name="action.name"
              aria-label="Name of action ${i + 1}"
              placeholder="createInvoice"
              value="${row.name}"
              autocomplete="off"
            />
            <select name="action.method" aria-label="Method of action ${i + 1}">
              ${METHODS.map((method) => html`<option ${row.method === method ? 'selected' : ''}>${method}</option>`)}
            </select>
            <input
              name="action.path"
              aria-label="Path of action ${i + 1}"
              placeholder="/invoices/{id}"
              value="${row.path}"
              autocomplete="off"
            />
            <input
              name="action.args"
              aria-label="Arguments of action ${i + 1}"
              placeholder="amount:number, note?"
              value="${row.args}"
              autocomplete="off"
            />
          </div>`,
      )}
      <p class="hint">
        GET reads; POST, PUT and PATCH write; DELETE destroys. Leave rows you do not need empty. A “?” makes an argument
        optional.
      </p>
    </fieldset>`;
}

/** Step two: reads are on, writes are off until somebody switches them on. */
export function previewForm(connector: Connector, typed: Typed, settings: JsonObject, problem = ''): Html {
  const { actions, skipped, enabled } = readRest(settings);
  const isOn = new Set(typed.enabled.length > 0 ? typed.enabled : enabled);
  const group = (title: string, hint: string, wanted: typeof actions): Html =>
    wanted.length === 0
      ? nothing
      : html`<fieldset>
          <legend>${title}</legend>
          <p class="hint">${hint}</p>
          <div class="actions">
            ${wanted.map(
              ({ name, title: what, method, path, effect }) =>
                html`<label class="check"
                  ><input type="checkbox" name="enabled" value="${name}" ${isOn.has(name) ? 'checked' : ''} /><span
                    >${what || name} ${effect === 'read' ? '' : badge(effect)}<br /><small class="mono"
                      >${method} ${path}</small
                    ></span
                  ></label
                >`,
            )}
          </div>
        </fieldset>`;
  return html`${alert(problem)}
    <form method="post" action="/connections">
      ${hidden('connector', connector.id)}${hidden('step', 'preview')}${hidden('name', typed.name)}${hidden('baseUrl', typed.baseUrl)}${hidden('source', typed.source)}${hidden('openapiUrl', typed.openapiUrl)}
      ${
        typed.source === 'text'
          ? html`<textarea name="openapiText" hidden aria-label="Document">${typed.openapiText}</textarea>`
          : nothing
      }
      ${typed.rows.map((row) => html`${hidden('action.name', row.name)}${hidden('action.method', row.method)}${hidden('action.path', row.path)}${hidden('action.args', row.args)}`)}
      ${group(
        'Reads',
        'Run by themselves.',
        actions.filter(({ effect }) => effect === 'read'),
      )}
      ${group(
        'Writes',
        'Switch on what people may ask for. Each still waits for a decision, as your policy says.',
        actions.filter(({ effect }) => effect !== 'read'),
      )}
      ${
        skipped.length === 0
          ? nothing
          : html`<details>
              <summary>${skipped.length} left out</summary>
              <pre tabindex="0">${skipped.join('\n')}</pre>
            </details>`
      }
      ${credentialFields(connector)}
      <fieldset>
        <legend class="hush">Options</legend>
        <label class="check"
          ><input type="checkbox" name="idempotency" ${typed.hasKeys ? 'checked' : ''} /><span
            >It honours <code>Idempotency-Key</code><br /><small
              >Then an unclear send is repeated safely instead of asked about. Leave it off when you are not
              sure.</small
            ></span
          ></label
        >
        <br />
        <label class="check"
          ><input type="checkbox" name="trusted" ${typed.isTrusted ? 'checked' : ''} /><span
            >Its answers are as good as our own words<br /><small
              >Otherwise a request that read them needs a person for every write.</small
            ></span
          ></label
        >
      </fieldset>
      <div class="row"><button class="primary">Connect</button><a class="button" href="/connections">Cancel</a></div>
    </form>`;
}
