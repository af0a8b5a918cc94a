import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { can, ROLES, type Role, zRole } from '#core/roles.ts';
import { zText } from '#core/text.ts';
import type { Principal } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import { invite } from '#db/invitations.ts';
import { addMember, listMembers, type Member } from '#db/members.ts';
import { changeMember, inviteAgain, requireOwnerFor } from '#db/membership.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame, Html } from './frame.ts';
import { alert, allowed, attempt, badge, field, good, hidden, idParam, nothing, readForm } from './parts.ts';

const zInvite = z.object({
  email: z.email('E-mail: is not an address, such as ann@example.com').max(254).toLowerCase(),
  name: zText(100),
  role: zRole,
});
const zChange = z.union([z.object({ role: zRole }), z.object({ status: z.enum(['active', 'deactivated']) })]);

interface Said {
  problem?: string;
  success?: string;
  /** A one-time link, shown this once. */
  link?: { url: string; name: string };
  typed?: { email: string; name: string; role: string };
}

/** Who belongs here, and for admins: inviting, roles, deactivation. */
export function memberPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, config } = deps;
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, said: Said = {}, status = 200): Promise<Response> {
    const actor = allowed(c, 'member.read');
    const { items } = await db.withOrg(actor.orgId, (org) => listMembers(org, { limit: 200 }));
    return frame.page(c, {
      title: 'Members',
      section: 'members',
      status,
      body: memberBody(actor, items.toReversed(), said),
    });
  }
  const linkOf = (token: string): string => `${config.publicUrl}/invite/${token}`;

  pages.get('/members', (c) => draw(c));

  pages.post('/members', async (c) => {
    const actor = allowed(c, 'member.manage');
    const form = await readForm(c);
    const typed = { email: form.text('email').trim(), name: form.text('name').trim(), role: form.text('role') };
    const invited = await attempt(async () => {
      const parsed = zInvite.safeParse(typed);
      if (!parsed.success) {
        const issue = parsed.error.issues[0];
        const message =
          issue?.path[0] === 'name'
            ? 'Name: must be 1 to 100 characters.'
            : (issue?.message ?? 'The form is incomplete.');
        throw new UserError(message, { status: 422 });
      }
      requireOwnerFor(actor, parsed.data.role);
      return db.withOrg(actor.orgId, async (org) => {
        const { id } = await addMember(org, { ...parsed.data, status: 'invited' });
        const { token } = await invite(org, { memberId: id, createdBy: actor.memberId });
        await audit(org, {
          actor: `member:${actor.memberId}`,
          action: 'member.invited',
          target: { type: 'member', id },
          details: { role: parsed.data.role },
        });
        return linkOf(token);
      });
    });
    if ('problem' in invited) return draw(c, { problem: invited.problem.message, typed }, invited.problem.status);
    return draw(c, { link: { url: invited.value, name: typed.name } });
  });

  pages.post('/members/:id', async (c) => {
    const actor = allowed(c, 'member.manage');
    const id = idParam(c, 'member');
    const form = await readForm(c);
    const wanted = zChange.safeParse(
      form.text('status') === '' ? { role: form.text('role') } : { status: form.text('status') },
    );
    if (!wanted.success) return draw(c, { problem: 'Choose a role.' }, 422);
    const { role, status } = { role: undefined, status: undefined, ...wanted.data };
    const changed = await attempt(() =>
      db.withOrg(actor.orgId, async (org) => {
        const member = await changeMember(org, actor, id, { role, status });
        const details = { role: role ?? null, status: status ?? null };
        await audit(org, {
          actor: `member:${actor.memberId}`,
          action: 'member.changed',
          target: { type: 'member', id },
          details,
        });
        return member;
      }),
    );
    if ('problem' in changed) return draw(c, { problem: changed.problem.message }, changed.problem.status);
    const { name, role: now } = changed.value;
    return draw(c, { success: status === undefined ? `${name} is now ${now}.` : `${name} is ${status}.` });
  });

  pages.post('/members/:id/invitation', async (c) => {
    const actor = allowed(c, 'member.manage');
    const id = idParam(c, 'member');
    const again = await attempt(() =>
      db.withOrg(actor.orgId, async (org) => {
        const { token } = await inviteAgain(org, actor, id);
        await audit(org, {
          actor: `member:${actor.memberId}`,
          action: 'member.invited',
          target: { type: 'member', id },
        });
        return linkOf(token);
      }),
    );
    if ('problem' in again) return draw(c, { problem: again.problem.message }, again.problem.status);
    return draw(c, { link: { url: again.value, name: 'them' } });
  });
  return pages;
}

function memberBody(actor: Principal, members: readonly Member[], said: Said): Html {
  const mayManage = can(actor.role, 'member.manage');
  return html`<div class="page">
    <header>
      <div>
        <h1>Members</h1>
        <p class="lead">Owners and admins decide and configure; members ask; viewers read.</p>
      </div>
    </header>
    ${alert(said.problem)}${good(said.success)}${said.link ? shownOnce(said.link) : nothing}
    <table class="list">
      <thead>
        <tr>
          <th>Name</th>
          <th>Role</th>
          <th>Status</th>
          ${mayManage ? html`<th><span class="hush">Change</span></th>` : nothing}
        </tr>
      </thead>
      <tbody>
        ${members.map((member) => row(actor, member, mayManage))}
      </tbody>
    </table>
    ${mayManage ? inviteForm(actor, said.typed) : nothing}
  </div>`;
}

const rolesFor = (actor: Principal): readonly Role[] =>
  ROLES.filter((role) => role !== 'owner' || actor.role === 'owner');

function row(actor: Principal, member: Member, mayManage: boolean): Html {
  const isTouchable = mayManage && (member.role !== 'owner' || actor.role === 'owner');
  const options = rolesFor(actor).map(
    (role) => html`<option ${role === member.role ? 'selected' : ''}>${role}</option>`,
  );
  const button = (path: string, label: string, tone = '', extra: Html = nothing): Html =>
    html`<form method="post" action="/members/${member.id}${path}">
      ${extra}<button class="small ${tone}">${label}</button>
    </form>`;
  return html`<tr>
    <td data-label="Name">
      <span class="clip"
        >${member.name}${member.id === actor.memberId ? html` <small>(you)</small>` : ''}<br /><small
          >${member.email}</small
        ></span
      >
    </td>
    <td data-label="Role">
      ${
        isTouchable
          ? html`<form method="post" action="/members/${member.id}">
              <select name="role" aria-label="Role of ${member.name}">
                ${options}</select
              ><button class="small">Save</button>
            </form>`
          : html`<span>${member.role}</span>`
      }
    </td>
    <td data-label="Status">${badge(member.status)}</td>
    ${
      mayManage
        ? html`<td data-label="" class="end">
            ${
              isTouchable && member.id !== actor.memberId
                ? html`${member.status === 'active' ? nothing : button('/invitation', 'New link')}
                  ${member.status === 'deactivated' ? nothing : button('', 'Deactivate', 'danger', hidden('status', 'deactivated'))}`
                : nothing
            }
          </td>`
        : nothing
    }
  </tr>`;
}

const shownOnce = ({ url, name }: { url: string; name: string }): Html =>
  html`<div class="alert good" role="status">
    <strong>Send this link to ${name}.</strong> It is shown only now, works once and ends after 48 hours.
    <div class="secret">
      <input id="invitation" value="${url}" readonly aria-label="Invitation link" /><button
        type="button"
        data-copy="#invitation"
      >
        Copy
      </button>
    </div>
  </div>`;

const inviteForm = (actor: Principal, typed = { email: '', name: '', role: 'member' }): Html =>
  html`<section>
    <h2>Invite somebody</h2>
    <form method="post" action="/members">
      <div class="grid2">
        ${field({ name: 'name', label: 'Name', value: typed.name })}${field({ name: 'email', label: 'E-mail', type: 'email', value: typed.email })}
      </div>
      <div class="field">
        <label for="invite-role">Role</label>
        <select id="invite-role" name="role">
          ${rolesFor(actor).map((role) => html`<option ${role === typed.role ? 'selected' : ''}>${role}</option>`)}
        </select>
      </div>
      <button class="primary">Invite</button>
    </form>
  </section>`;
