import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { AuditVerdict } from '#db/audit.ts';
import { auditActions, listAuditPage } from '#db/audit-list.ts';
import { type ListedAudit, type PersonName, readPeople, withNames } from '#db/views/index.ts';
import { createVerify } from '#web/audit-verify.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { zAuditQuery } from '#web/routes/audit-json.ts';
import { auditLine } from './audit-line.ts';
import type { Frame, Html } from './frame.ts';
import {
  addressOf,
  empty,
  filterForm,
  inputFilter,
  isFiltered,
  noMatch,
  pager,
  readQuery,
  selectFilter,
} from './lists.ts';
import { alert, allowed, good, isPartial, nothing } from './parts.ts';

const PATH = '/audit';
type Query = ReturnType<typeof zAuditQuery.parse>;

/** Who did what to what, and whether the log is whole (RULES D6). */
export function auditPages({ deps, frame }: { deps: Pick<WebDeps, 'db' | 'keys'>; frame: Frame }): Hono<WebEnv> {
  const { db } = deps;
  const verify = createVerify(deps);
  const pages = new Hono<WebEnv>();

  async function show(c: Context<WebEnv>, verdict: AuditVerdict | null = null) {
    const actor = allowed(c, 'audit.read');
    const { query, values, problem } = readQuery<Query>(c, zAuditQuery);
    const seen = await db.withOrg(actor.orgId, async (org) => {
      const list = await listAuditPage(org, query);
      return {
        list,
        rows: await withNames(org, list.items),
        people: await readPeople(org),
        actions: await auditActions(org),
      };
    });
    const { cursor: _, ...filters } = values;
    const rows =
      seen.rows.length > 0
        ? table(seen.rows)
        : isFiltered(values)
          ? noMatch(PATH)
          : empty('Nothing yet', 'Everything that people and the assistant change is written down here.');
    const body = html`<div class="page wide">
      <header>
        <div>
          <h1>Audit</h1>
          <p class="lead">
            Who did what, in a chain that shows when a row was changed, taken out or cut off. It holds ids and hashes;
            names are those of today.
          </p>
        </div>
        ${actions(filters)}
      </header>
      <div id="verdict" aria-live="polite">${verdict === null ? nothing : verdictHtml(verdict)}</div>
      ${alert(problem)} ${filterForm(PATH, fields(values, seen), isFiltered(values))} ${rows}
      ${pager(PATH, values, seen.list)}
    </div>`;
    return frame.page(c, { title: 'Audit', section: 'audit', body });
  }

  pages.get(PATH, (c) => show(c));
  pages.post(`${PATH}/verify`, async (c) => {
    const { orgId } = allowed(c, 'audit.read');
    const verdict = await verify(orgId);
    return isPartial(c) ? c.html(verdictHtml(verdict)) : show(c, verdict);
  });
  return pages;
}

/** Downloads keep the filters. */
const actions = (filters: Record<string, string>): Html =>
  html`<div class="row">
    <form method="post" action="${PATH}/verify" hx-post="${PATH}/verify" hx-target="#verdict">
      <button>Verify the chain</button>
    </form>
    <a class="button" download href="${addressOf('/api/v1/audit/export', { ...filters, format: 'csv' })}"
      >Download CSV</a
    >
    <a class="button" download href="${addressOf('/api/v1/audit/export', { ...filters, format: 'jsonl' })}"
      >Download JSONL</a
    >
  </div>`;

const verdictHtml = ({ rows, hash, badSeq, why }: AuditVerdict): Html =>
  badSeq === null
    ? good(`${rows} rows verified, intact up to row ${rows}, hash ${hash}.`)
    : alert(
        `Row ${badSeq} does not hold: ${why}. The ${rows} rows before it do. Keep this database as it is and look into it.`,
      );

const fields = (
  values: Record<string, string>,
  { people, actions: known }: { people: readonly PersonName[]; actions: readonly string[] },
): Html[] => [
  selectFilter(
    'actor',
    'Who',
    'Anyone',
    [{ value: 'system', label: 'The system' }, ...people.map(({ id, name }) => ({ value: id, label: name }))],
    values['actor'],
  ),
  selectFilter(
    'action',
    'Did what',
    'Anything',
    known.map((action) => ({ value: action, label: action.replaceAll(/[._]/g, ' ') })),
    values['action'],
  ),
  inputFilter('targetId', 'To what', { type: 'search', value: values['targetId'], placeholder: 'its id' }),
  inputFilter('from', 'From (UTC)', { type: 'date', value: values['from'] }),
  inputFilter('to', 'Through (UTC)', { type: 'date', value: values['to'] }),
];

const table = (rows: readonly ListedAudit[]): Html =>
  html`<table class="list lines">
    <thead>
      <tr>
        <th scope="col">Row</th>
        <th scope="col">When (UTC)</th>
        <th scope="col">What happened</th>
        <th scope="col">Action</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map(
        (row) =>
          html`<tr>
            <td data-label="Row">${row.seq}</td>
            <td data-label="When">
              <time datetime="${row.at}">${row.at.slice(0, 19).replace('T', ' ')}</time>
            </td>
            <td data-label="What happened" class="said-line"><span>${auditLine(row)}</span></td>
            <td data-label="Action">
              <details>
                <summary>${row.action}</summary>
                <pre tabindex="0">
${row.actor}
${row.targetType} ${row.targetId}
${row.details}
${row.hash}</pre>
              </details>
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`;
