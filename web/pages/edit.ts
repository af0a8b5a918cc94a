import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { notFound, type UserError } from '#core/errors.ts';
import { type Control, controlsOf, findControl, readControls } from '#activities/chat/render/edit/index.ts';
import { escapeInvisible } from '#core/text.ts';
import { zPayload } from '#core/tools.ts';
import { type ApprovalView, mayEdit, readApprovalView } from '#db/views/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import { inputSchemaOf } from '#web/input-schema.ts';
import { editForm } from './edit-form.ts';
import type { Frame, Html } from './frame.ts';
import { allowed, attempt, idParam, readForm } from './parts.ts';

/** Changing the arguments of what waits (RULES A4): a form made from the tool's schema. */
export function editPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, client } = deps;
  const pages = new Hono<WebEnv>();

  /** `controls` is null when the tool has gone. */
  async function read(c: Context<WebEnv>): Promise<{ approval: ApprovalView; controls: Control[] | null }> {
    const actor = allowed(c, 'approval.read');
    const id = idParam(c, 'approval');
    const { approval, schema } = await db.withOrg(actor.orgId, async (org) => {
      const found = await readApprovalView(org, actor, id);
      if (!found) throw notFound('approval');
      return { approval: found, schema: await inputSchemaOf(org, found) };
    });
    const { arguments: args } = zPayload.parse(JSON.parse(approval.payloadText));
    return { approval, controls: schema && controlsOf(schema, args) };
  }

  const page = (c: Context<WebEnv>, approval: ApprovalView, form: Html, status = 200) =>
    frame.page(c, {
      title: `Edit: ${approval.summary}`,
      section: 'approvals',
      status,
      body: html`<div class="page">
        <header>
          <div>
            <h1>Edit what would run</h1>
            <p class="lead">
              ${escapeInvisible(approval.summary)}, asked by ${approval.requestedByName}.
              <a href="/approvals/${approval.id}">Back to the request</a>
            </p>
          </div>
        </header>
        ${form}
      </div>`,
    });
  const gone = (c: Context<WebEnv>, approval: ApprovalView) =>
    page(c, approval, html`<p class="note">${GONE}</p>`, 409);

  pages.get('/approvals/:id/edit', async (c) => {
    const { approval, controls } = await read(c);
    if (!mayEdit(allowed(c, 'approval.read'), approval)) return c.redirect(`/approvals/${approval.id}`, 303);
    return controls ? page(c, approval, editForm(approval, controls, null)) : gone(c, approval);
  });

  pages.post('/approvals/:id/edit', async (c) => {
    const form = await readForm(c);
    const { approval, controls } = await read(c);
    const actor = allowed(c, 'approval.decide');
    if (!controls) return gone(c, approval);
    const comment = form.text('comment').trim().slice(0, 2000);
    const again = (status: number, text: string, problems: ReadonlyMap<string, string> = new Map()) =>
      page(c, approval, editForm(approval, controls, { typed: form.text, problems, text, comment }), status);
    const typed = readControls(controls, form.text);
    if (typed.problems) return again(422, '', typed.problems);
    const done = await attempt(() =>
      client.editApproval(actor, approval.id, {
        input: typed.input,
        payloadSha256: form.text('payloadSha256'),
        ...(comment === '' ? {} : { comment }),
        surface: 'web',
      }),
    );
    if ('problem' in done) return again(done.problem.status, ...problemOf(controls, done.problem));
    const edited = done.value;
    if (edited.kind === 'edited') return c.redirect(`/approvals/${edited.approvalId}`, 303);
    return again(STATUSES[edited.kind], edited.text);
  });
  return pages;
}

const GONE = 'The tool of this request is no longer there, so it cannot be edited. Deny it, and ask again.';
const STATUSES = {
  unchanged: 422,
  duplicate: 409,
  already: 409,
  changed: 409,
  expired: 410,
  forbidden: 403,
  not_found: 404,
} as const;

/** An argument that the tool refuses: at its field where it has one of its own, else above the form. */
function problemOf(controls: readonly Control[], { message, field = '' }: UserError): [string, Map<string, string>] {
  const found = findControl(controls, field);
  if (!found) return [message, new Map()];
  // Said beside the field's own name.
  const own = `${found.path.join('.')}: `;
  return ['', new Map([[found.name, message.startsWith(own) ? message.slice(own.length) : message]])];
}
