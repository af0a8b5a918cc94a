import type { Context } from 'hono';
import { html } from 'hono/html';
import type { Html } from '#activities/chat/render/index.ts';
import { notFound, UserError } from '#core/errors.ts';
import { isId } from '#core/ids.ts';
import { can, inScope, type Permission } from '#core/roles.ts';
import { isStorable } from '#core/text.ts';
import type { Principal } from '#db/api-keys.ts';
import { outOfScope } from '#web/auth/api-key.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebEnv } from '#web/env.ts';

// Small pieces that several pages draw with.

export const nothing: Html = html``;

/** What went wrong, read out at once; nothing for null. */
export const alert = (text: string | null | undefined): Html =>
  text ? html`<div class="alert" role="alert">${text}</div>` : nothing;

export const good = (text: string | null | undefined): Html =>
  text ? html`<div class="alert good" role="status">${text}</div>` : nothing;

/** A labelled input. Secrets are never filled in again. */
export function field(input: {
  name: string;
  label: string;
  value?: string | undefined;
  type?: 'text' | 'email' | 'password' | 'url';
  hint?: string;
  placeholder?: string;
  autocomplete?: string;
  isRequired?: boolean;
}): Html {
  const { name, label, type = 'text', hint, autocomplete = 'off' } = input;
  const value = type === 'password' ? '' : (input.value ?? '');
  const id = `f-${name.replaceAll(/[^a-z0-9]/gi, '-')}`;
  return html`<div class="field">
    <label for="${id}">${label}</label>
    <input
      id="${id}"
      name="${name}"
      type="${type}"
      value="${value}"
      autocomplete="${autocomplete}"
      placeholder="${input.placeholder ?? ''}"
      ${input.isRequired === false ? '' : 'required'}
      ${hint ? html`aria-describedby="${id}-hint"` : ''}
    />
    ${hint ? html`<p class="hint" id="${id}-hint">${hint}</p>` : ''}
  </div>`;
}

export const hidden = (name: string, value: string): Html =>
  html`<input type="hidden" name="${name}" value="${value}" />`;

const TONES: Record<string, string> = {
  done: 'good',
  approved: 'good',
  confirmed: 'good',
  active: 'good',
  up: 'good',
  down: 'bad',
  changed: 'warn',
  failed: 'bad',
  denied: 'bad',
  refused: 'bad',
  waiting: 'warn',
  pending: 'warn',
  ambiguous: 'warn',
  invited: 'warn',
  running: 'accent',
};
export const badge = (word: string): Html =>
  html`<span class="badge ${TONES[word] ?? ''}">${word.replaceAll('_', ' ')}</span>`;

export const time = (at: Date): Html =>
  html`<time datetime="${at.toISOString()}">${at.toISOString().slice(0, 16).replace('T', ' ')}</time>`;

/** "840 ms", "3.2 s", "4 min 10 s". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** Asked by htmx: answer with the part that changes. */
export const isPartial = (c: Context<WebEnv>): boolean => c.req.header('hx-request') === 'true';

/** Who is signed in and may do this; otherwise the same 404 as for what is not there, or 403. Throws `UserError`. */
export function allowed(c: Context<WebEnv>, permission: Permission): Principal {
  const actor = actorOf(c);
  if (!can(actor.role, permission))
    throw new UserError(`Your role (${actor.role}) does not allow this. Ask an admin.`, { status: 403 });
  if (!inScope(actor, permission)) throw outOfScope();
  return actor;
}

/** The id in the path; anything else is not there. */
export function idParam(c: Context<WebEnv>, noun: string, name = 'id'): string {
  const id = (c.req.param(name) ?? '').toLowerCase();
  if (!isId(id)) throw notFound(noun);
  return id;
}

export interface Form {
  /** The field's text, '' when it is missing. */
  text(name: string): string;
  all(name: string): string[];
  file(name: string): File | null;
}

/** A posted form. Throws `UserError` 422 for text that cannot be stored. */
export async function readForm(c: Context<WebEnv>): Promise<Form> {
  const body = await c.req.parseBody({ all: true }).catch(() => {
    throw new UserError('The form could not be read. Reload the page and try again.', { status: 400 });
  });
  const all = (name: string): string[] => {
    const given = Object.hasOwn(body, name) ? body[name] : undefined;
    const texts = (Array.isArray(given) ? given : [given]).filter((one) => typeof one === 'string');
    if (!texts.every(isStorable))
      throw new UserError(`${name}: holds a NUL character or broken Unicode`, { status: 422, field: name });
    return texts;
  };
  return {
    all,
    text: (name) => all(name)[0] ?? '',
    file: (name) => {
      const given = body[name];
      const file = Array.isArray(given) ? given[0] : given;
      return file instanceof File && file.size > 0 ? file : null;
    },
  };
}

/** Runs what a form asked for; a `UserError` comes back to be shown beside the form, anything else rises. */
export async function attempt<T>(work: () => Promise<T>): Promise<{ value: T } | { problem: UserError }> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof UserError) return { problem: error };
    throw error;
  }
}
