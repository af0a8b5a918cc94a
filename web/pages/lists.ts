import type { Context } from 'hono';
import { html } from 'hono/html';
import type { z } from 'zod';
import type { WebEnv } from '#web/env.ts';
import type { Html } from './frame.ts';
import { nothing } from './parts.ts';

// What the pages of long lists share: filters in the address, and the way to newer and older rows.

export interface ListQuery<T> {
  /** What the filters mean; without any of them when one is wrong. */
  query: T;
  /** As they stand in the address, to fill the form again. */
  values: Record<string, string>;
  problem: string | null;
}

/** Reads a list's filters by the schema of its API. A field left empty is a filter not used. */
export function readQuery<T>(c: Context<WebEnv>, schema: z.ZodType<T>): ListQuery<T> {
  const values = Object.fromEntries(
    Object.entries(c.req.query())
      .map(([name, text]) => [name, text.trim()] as const)
      .filter(([, text]) => text !== ''),
  );
  const parsed = schema.safeParse(values);
  if (parsed.success) return { query: parsed.data, values, problem: null };
  const [issue] = parsed.error.issues;
  const problem = `${issue?.path.join('.') ?? 'A filter'}: ${issue?.message ?? 'is not valid'}. All rows are shown.`;
  return { query: schema.parse({}), values, problem };
}

/** An address with these filters, without those that are undefined. */
export function addressOf(path: string, values: Record<string, string | undefined>): string {
  const used = new URLSearchParams();
  for (const [name, text] of Object.entries(values)) if (text !== undefined) used.set(name, text);
  const query = used.toString();
  return query === '' ? path : `${path}?${query}`;
}

export interface Choice {
  value: string;
  label: string;
}

export const selectFilter = (
  name: string,
  label: string,
  any: string,
  choices: readonly Choice[],
  value?: string,
): Html =>
  html`<div>
    <label for="by-${name}">${label}</label>
    <select id="by-${name}" name="${name}">
      <option value="">${any}</option>
      ${choices.map(
        (choice) =>
          html`<option value="${choice.value}" ${choice.value === value ? 'selected' : ''}>${choice.label}</option>`,
      )}
    </select>
  </div>`;

export const inputFilter = (
  name: string,
  label: string,
  { type, value = '', placeholder = '' }: { type: 'search' | 'date'; value?: string | undefined; placeholder?: string },
): Html =>
  html`<div>
    <label for="by-${name}">${label}</label>
    <input
      id="by-${name}"
      name="${name}"
      type="${type}"
      value="${type === 'date' ? (/^\d{4}-\d{2}-\d{2}/.exec(value)?.[0] ?? '') : value}"
      placeholder="${placeholder}"
      autocomplete="off"
    />
  </div>`;

/** The filters of a list as a form that works by itself: what it shows is in the address. */
export const filterForm = (path: string, fields: readonly Html[], isFiltered: boolean): Html =>
  html`<form class="filters" method="get" action="${path}" role="search">
    ${fields}
    <div class="filters-go">
      <button class="primary">Filter</button>
      ${isFiltered ? html`<a class="button" href="${path}">Clear</a>` : nothing}
    </div>
  </form>`;

/** "Newer" and "Older", which keep the filters. */
export function pager(
  path: string,
  values: Record<string, string>,
  { newerCursor, nextCursor }: { newerCursor: string | null; nextCursor: string | null },
): Html {
  if (newerCursor === null && nextCursor === null) return nothing;
  const link = (cursor: string | null, label: string, rel: string): Html =>
    cursor === null
      ? html`<span></span>`
      : html`<a class="button" rel="${rel}" href="${addressOf(path, { ...values, cursor })}">${label}</a>`;
  return html`<nav class="pager" aria-label="Pages">
    ${link(newerCursor, 'Newer', 'prev')} ${link(nextCursor, 'Older', 'next')}
  </nav>`;
}

export const isFiltered = (values: Record<string, string>): boolean =>
  Object.keys(values).some((name) => name !== 'cursor');

/** Said in the place of a table without rows: why, and what to do next. */
export const empty = (title: string, text: string, link?: { href: string; label: string }): Html =>
  html`<div class="empty">
    <h2>${title}</h2>
    <p>${text}</p>
    ${link ? html`<a class="button primary" href="${link.href}">${link.label}</a>` : nothing}
  </div>`;

export const noMatch = (path: string): Html =>
  empty('Nothing matches', 'No row has all of this. Take a filter away, or clear them.', {
    href: path,
    label: 'Clear the filters',
  });
