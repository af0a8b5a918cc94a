import { html } from 'hono/html';
import { z } from 'zod';
import { connectors, type findConnector } from '#activities/integrations/index.ts';
import type { Html } from './frame.ts';
import { field, type Form, nothing } from './parts.ts';

export type Connector = ReturnType<typeof findConnector>;
export const catalog = connectors;

const zObjectSchema = z.object({
  properties: z
    .record(
      z.string(),
      z.object({ type: z.string().optional(), title: z.string().optional(), const: z.unknown() }).partial(),
    )
    .default({}),
  required: z.array(z.string()).default([]),
});
const REST_TYPES = [
  { type: 'none', label: 'None' },
  { type: 'bearer', label: 'Bearer token' },
  { type: 'basic', label: 'User name and password' },
  { type: 'header', label: 'Header' },
  { type: 'query', label: 'Query parameter' },
];

/** The names of a schema's text fields; what is fixed or not text is left out. */
export function textFields(schema: z.ZodType): { name: string; isRequired: boolean }[] {
  const parsed = zObjectSchema.safeParse(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }));
  if (!parsed.success) return [];
  return Object.entries(parsed.data.properties)
    .filter(([, property]) => property.type === 'string' && property.const === undefined)
    .map(([name]) => ({ name, isRequired: parsed.data.required.includes(name) }));
}

export const humanLabel = (name: string): string =>
  name
    .replaceAll(/([A-Z])/g, ' $1')
    .replace(/^./, (first) => first.toUpperCase())
    .replace(/url$/i, 'address')
    .replace(/^Api key$/i, 'API key');

/** How the other system knows us. Nothing of it is ever filled in again. */
export function credentialFields(connector: Connector): Html {
  if (connector.id === 'rest') return restFields();
  const fields = textFields(connector.credential);
  return fields.length === 0
    ? nothing
    : html`${fields.map(({ name, isRequired }) => field({ name: `credential.${name}`, label: humanLabel(name), type: 'password', isRequired, autocomplete: 'new-password' }))}`;
}

const restFields = (): Html =>
  html`<div class="field">
      <label for="credential-type">Credential</label>
      <select id="credential-type" name="credential.type" data-shows>
        ${REST_TYPES.map(({ type, label }) => html`<option value="${type}">${label}</option>`)}
      </select>
      <p class="hint">Sealed when stored, sent only to this system, never shown again.</p>
    </div>
    ${group('bearer', html`${secret('token', 'Token')}`)}
    ${group('basic', html`<div class="grid2">${plain('username', 'User name')}${secret('password', 'Password')}</div>`)}
    ${group('header', html`<div class="grid2">${plain('header', 'Header name', 'X-API-Key')}${secret('headerValue', 'Value')}</div>`)}
    ${group('query', html`<div class="grid2">${plain('query', 'Parameter name', 'api_key')}${secret('queryValue', 'Value')}</div>`)}`;

const group = (type: string, body: Html): Html =>
  html`<fieldset data-for="${type}">
    <legend class="hush">${type}</legend>
    ${body}
  </fieldset>`;
const secret = (name: string, label: string): Html =>
  field({ name: `credential.${name}`, label, type: 'password', isRequired: false, autocomplete: 'new-password' });
const plain = (name: string, label: string, placeholder = ''): Html =>
  field({ name: `credential.${name}`, label, isRequired: false, placeholder });

/** The credential a form names, as the connector wants it; undefined when it takes none. */
export function readCredential(connector: Connector, form: Form): unknown {
  const text = (name: string): string => form.text(`credential.${name}`);
  if (connector.id !== 'rest') {
    const fields = textFields(connector.credential);
    return fields.length === 0 ? undefined : Object.fromEntries(fields.map(({ name }) => [name, text(name)]));
  }
  switch (text('type')) {
    case 'bearer':
      return { type: 'bearer', token: text('token').trim() };
    case 'basic':
      return { type: 'basic', username: text('username'), password: text('password') };
    case 'header':
      return { type: 'header', name: text('header').trim(), value: text('headerValue').trim() };
    case 'query':
      return { type: 'query', name: text('query').trim(), value: text('queryValue') };
    default:
      return { type: 'none' };
  }
}
