import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { notFound, UserError } from '#core/errors.ts';
import { isId, newId } from '#core/ids.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import type { Actor } from '#core/roles.ts';
import { findRun, type RunRow } from '#db/run-list.ts';
import { ask } from '#web/ask.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame } from './frame.ts';
import { alert, allowed, hidden, idParam, nothing, readForm } from './parts.ts';

/** "Run again with edits": the request's text, to be changed and asked once more. Who sends it is the requester. */
export function runAgainPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db } = deps;
  const pages = new Hono<WebEnv>();

  async function read(c: Context<WebEnv>) {
    const actor = allowed(c, 'request.create');
    const id = idParam(c, 'run');
    const row = await db.withOrg(actor.orgId, (org) => findRun(org, actor, id));
    if (!row) throw notFound('run');
    return { actor, row };
  }

  const draw = (
    c: Context<WebEnv>,
    { actor, row }: { actor: Actor; row: RunRow },
    again: { text?: string; where?: string; problem?: string } = {},
  ) => {
    const mayJoin = isOwnThread(row, actor);
    const isNew = again.where === 'new' || !mayJoin;
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Run again with edits</h1>
          <p class="lead">
            A new request like <a href="/runs/${row.run.id}">run ${row.run.number}</a>, in your name. Nothing of the
            first one is taken over: writes are approved anew.
          </p>
        </div>
      </header>
      ${alert(again.problem)}
      <form method="post" action="/runs/${row.run.id}/again">
        ${hidden('key', newId())}
        <div class="field">
          <label for="again-text">Request</label>
          <textarea
            id="again-text"
            name="text"
            rows="6"
            required
            maxlength="${RUN_LIMITS.textLength}"
            ${row.text === null ? html`aria-describedby="again-hint"` : ''}
          >
${again.text ?? row.text ?? ''}</textarea>
          ${
            row.text === null
              ? html`<p class="hint" id="again-hint">
                  What ${row.requestedByName} asked is theirs to read. Say it in your words.
                </p>`
              : nothing
          }
        </div>
        <fieldset>
          <legend>Where</legend>
          <label class="check">
            <input type="radio" name="where" value="same" ${isNew ? '' : 'checked'} ${mayJoin ? '' : 'disabled'} />
            <span>In the same thread, which it reads first</span>
          </label>
          <label class="check">
            <input type="radio" name="where" value="new" ${isNew ? 'checked' : ''} />
            <span>In a new thread of the web chat</span>
          </label>
          ${mayJoin ? nothing : html`<p class="hint">Its thread is not one of your own in the web chat.</p>`}
        </fieldset>
        <div class="row">
          <button class="primary">Run</button>
          <a class="button" href="/runs/${row.run.id}">Cancel</a>
        </div>
      </form>
    </div>`;
    const status = again.problem === undefined ? 200 : 422;
    return frame.page(c, { title: 'Run again with edits', section: 'runs', body, status });
  };

  pages.get('/runs/:id/again', async (c) => draw(c, await read(c)));

  pages.post('/runs/:id/again', async (c) => {
    const { actor, row } = await read(c);
    const form = await readForm(c);
    const [key, text, where] = [form.text('key').toLowerCase(), form.text('text'), form.text('where')];
    if (!isId(key)) throw new UserError('The form is incomplete. Reload the page and send it again.', { status: 422 });
    const received = await ask(deps, actor, {
      sourceKey: `form:${key}`,
      text,
      // A new thread is named after the form that opens it: sent twice, it is one thread.
      newThread: key,
      threadId: where === 'same' ? row.run.threadId : undefined,
      againOf: row.run.id,
    });
    if (received.kind === 'refused') return draw(c, { actor, row }, { text, where, problem: received.text });
    if (received.kind === 'command') return c.redirect(`/threads/${received.threadId}`, 303);
    return c.redirect(`/runs/${received.runId}`, 303);
  });
  return pages;
}

/** Only one's own thread of the web chat can be written to from here. */
const isOwnThread = ({ run }: RunRow, actor: Actor): boolean =>
  run.platform === 'web' && run.requestedBy === actor.memberId;
