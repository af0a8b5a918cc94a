import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { z } from 'zod';
import { escapeInvisible } from '#core/text.ts';
import { notFound, UserError } from '#core/errors.ts';
import { readOrg } from '#db/orgs.ts';
import {
  type ApprovalView,
  countPending,
  readApprovalView,
  readEffectView,
  readInbox,
  readOpenQuestions,
} from '#db/views/index.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Decided } from '#workflows/client.ts';
import { approvalHtml, effectHtml, needsFullView, type Viewed } from './card.ts';
import { type Frame, type Html, pendingCount } from './frame.ts';
import { allowed, idParam, isPartial, nothing, readForm } from './parts.ts';

const zDecision = z.enum(['approve', 'deny']);
const zOutcome = z.enum(['sent', 'not_sent']);

/** The inbox, the full view of one approval, and the decisions of both and of the thread. */
export function approvalPages({ deps, frame, viewed }: { deps: WebDeps; frame: Frame; viewed: Viewed }): Hono<WebEnv> {
  const { db, client } = deps;
  const pages = new Hono<WebEnv>();

  async function inbox(c: Context<WebEnv>): Promise<Html> {
    const actor = allowed(c, 'approval.read');
    const { pending, settled, questions, linkHosts } = await db.withOrg(actor.orgId, async (org) => ({
      ...(await readInbox(org, actor)),
      questions: await readOpenQuestions(org, actor),
      linkHosts: (await readOrg(org)).policy.linkHosts,
    }));
    const draw = (approval: ApprovalView): Html =>
      html`<div>
        ${approvalHtml(approval, { actor, viewed, linkHosts })}
        <p class="meta">
          Asked ${approval.createdAt.toISOString().slice(0, 16).replace('T', ' ')} ·
          <a href="/runs/${approval.runId}">its run</a>
        </p>
      </div>`;
    return html`${
        questions.length === 0
          ? nothing
          : html`<section>
              <h2>Was it sent?</h2>
              ${questions.map((effect) => effectHtml(effect, { actor, linkHosts }))}
            </section>`
      }
      <section>
        <h2>Waiting</h2>
        ${
          pending.length === 0
            ? html`<div class="empty">
                <h2>Nothing waits</h2>
                <p>When the assistant wants to change something outside, it asks here first.</p>
              </div>`
            : html`<div class="cards">${pending.map(draw)}</div>`
        }
      </section>
      ${
        settled.length === 0
          ? nothing
          : html`<section>
              <h2>Decided</h2>
              <div class="cards">${settled.map(draw)}</div>
            </section>`
      }`;
  }

  pages.get('/approvals', async (c) => {
    const body = html`<div class="page">
      <header>
        <div>
          <h1>Approvals</h1>
          <p class="lead">Read exactly what would run, then decide. What you approve is what is sent, byte for byte.</p>
        </div>
      </header>
      <div id="live" hx-sse:connect="/live" hx-sse:close="gone" hx-swap="none"></div>
      <div
        id="inbox"
        hx-get="/approvals/inbox"
        hx-trigger="changed from:#live"
        hx-swap="innerMorph"
        hx-sync="this:queue last"
        aria-live="polite"
      >
        ${inbox(c)}
      </div>
    </div>`;
    return frame.page(c, { title: 'Approvals', section: 'approvals', body });
  });
  pages.get('/approvals/inbox', async (c) => {
    const actor = allowed(c, 'approval.read');
    const body = await inbox(c);
    const pending = await db.withOrg(actor.orgId, (org) => countPending(org, actor));
    return c.html(
      html`${body}<hx-partial hx-target="#pending-count" hx-swap="outerHTML">${pendingCount(pending)}</hx-partial>`,
    );
  });

  const fullPage = (c: Context<WebEnv>, approval: ApprovalView, card: Html, status = 200) =>
    frame.page(c, {
      title: approval.summary,
      section: 'approvals',
      status,
      body: html`<div class="page">
        <header>
          <div>
            <h1>Full payload</h1>
            <p class="lead">
              <a href="/approvals">All approvals</a> · <a href="/runs/${approval.runId}">The run that asks</a>
            </p>
          </div>
        </header>
        ${card}
        <section>
          <h2>Canonical payload</h2>
          <pre tabindex="0">${escapeInvisible(approval.payloadText)}</pre>
          <p class="hint mono">sha256 ${approval.payloadSha256}</p>
        </section>
      </div>`,
    });

  async function read(c: Context<WebEnv>) {
    const actor = allowed(c, 'approval.read');
    const id = idParam(c, 'approval');
    const found = await db.withOrg(actor.orgId, async (org) => ({
      approval: await readApprovalView(org, actor, id),
      linkHosts: (await readOrg(org)).policy.linkHosts,
    }));
    if (!found.approval) throw notFound('approval');
    return { actor, approval: found.approval, linkHosts: found.linkHosts };
  }

  pages.get('/approvals/:id', async (c) => {
    const { approval, ...options } = await read(c);
    return fullPage(c, approval, approvalHtml(approval, { ...options, viewed, isFull: true }));
  });

  pages.post('/approvals/:id/decision', async (c) => {
    const form = await readForm(c);
    const { actor, approval, linkHosts } = await read(c);
    const comment = form.text('comment').trim().slice(0, 2000);
    const decision = zDecision.safeParse(form.text('decision')).data;
    if (decision === undefined) throw new UserError('Choose Approve or Deny.', { status: 422 });
    const mustView =
      decision === 'approve' && needsFullView(approval) && !viewed.isFor(form.text('viewed'), actor, approval);
    const answer: { text: string; status: number } | null = mustView
      ? { text: 'Open the full view and read it first; this card does not show everything.', status: 422 }
      : refusalOf(
          await client.decide(actor, approval.id, {
            decision,
            payloadSha256: form.text('payloadSha256'),
            ...(comment === '' ? {} : { comment }),
            surface: 'web',
          }),
        );
    const after = await read(c);
    const isFull = form.text('view') === 'full';
    if (answer === null && !isPartial(c)) return c.redirect(`/approvals/${approval.id}`, 303);
    const options = {
      actor,
      viewed,
      linkHosts,
      isFull: isFull || !isPartial(c),
      notice: answer?.text ?? null,
      comment,
    };
    const card = approvalHtml(after.approval, options);
    if (isPartial(c)) return c.html(card);
    return fullPage(c, after.approval, card, answer?.status ?? 200);
  });

  pages.post('/effects/:id/resolution', async (c) => {
    const actor = allowed(c, 'effect.read');
    const id = idParam(c, 'effect');
    const look = () =>
      db.withOrg(actor.orgId, async (org) => {
        const effect = await readEffectView(org, actor, id);
        if (!effect) throw notFound('effect');
        return { effect, linkHosts: (await readOrg(org)).policy.linkHosts };
      });
    await look();
    const form = await readForm(c);
    const externalId = form.text('externalId').trim().slice(0, 500);
    const outcome = zOutcome.safeParse(form.text('outcome')).data;
    if (outcome === undefined) throw new UserError('Say whether it was sent.', { status: 422 });
    const resolved = await client.resolveEffect(actor, id, {
      outcome,
      ...(outcome === 'sent' && externalId !== '' ? { externalId } : {}),
    });
    const { effect, linkHosts } = await look();
    const notice = resolved.kind === 'resolved' ? null : resolved.text;
    const card = effectHtml(effect, { actor, linkHosts, notice });
    if (isPartial(c)) return c.html(card);
    if (notice === null) return c.redirect('/approvals', 303);
    const body = html`<div class="page">${card}</div>`;
    return frame.page(c, { title: 'Was it sent?', section: 'approvals', status: 409, body });
  });
  return pages;
}

/** What the clicker is told, and the status of the page that tells it; null: it was recorded. */
function refusalOf(decided: Decided): { text: string; status: number } | null {
  if (decided.kind === 'decided') return null;
  const statuses = { already: 409, changed: 409, expired: 410, forbidden: 403, not_found: 404 } as const;
  return { text: decided.text, status: statuses[decided.kind] };
}
