import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { actorText, can, ROLES, type Role, zRole } from '#core/roles.ts';
import { zText } from '#core/text.ts';
import type { Principal } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import type { Org } from '#db/client.ts';
import { invite } from '#db/invitations.ts';
import { addMember, listMembers, readMember, type Member } from '#db/members.ts';
import { changeMember, inviteAgain, requireOwnerFor, signOutMember } from '#db/membership.ts';
import { makeReset } from '#db/password-resets.ts';
import type { Page } from '#db/paging.ts';
import { countLinkedAccounts } from '#db/slack-links.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame, Html } from './frame.ts';
import { accountsLink } from './member-accounts.ts';
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
  link?: { url: string; name: string; endsAfter: string };
  typed?: { email: string; name: string; role: string };
}

/** Who belongs here, and for admins: inviting, roles, deactivation. */
export function memberPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db, config } = deps;
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, said: Said = {}, status = 200): Promise<Response> {
    const actor = allowed(c, 'member.read');
    const cursor = c.req.query('cursor');
    const { list, accounts } = await db.withOrg(actor.orgId, async (org) => {
      const list = await listMembers(org, { limit: 50, cursor });
      const ids = can(actor.role, 'member.manage') ? list.items.map(({ id }) => id) : [];
      return { list, accounts: await countLinkedAccounts(org, ids) };
    });
    return frame.page(c, {
      title: 'Members',
      section: 'members',
      status,
      body: memberBody(actor, list, said, accounts),
    });
  }
  const linkOf = (token: string): string => `${config.publicUrl}/invite/${token}`;
  /** Rows of what an admin does to somebody, in the transaction at hand. */
  const note = (org: Org, actor: Principal, action: string, id: string): Promise<void> =>
    audit(org, { actor: actorText(actor), action, target: { type: 'member', id } });

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
          actor: actorText(actor),
          action: 'member.invited',
          target: { type: 'member', id },
          details: { role: parsed.data.role },
        });
        return linkOf(token);
      });
    });
    if ('problem' in invited) return draw(c, { problem: invited.problem.message, typed }, invited.problem.status);
    return draw(c, { link: { url: invited.value, name: typed.name, endsAfter: '48 hours' } });
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
          actor: actorText(actor),
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
        await note(org, actor, 'member.invited', id);
        return { url: linkOf(token), name: (await readMember(org, id))?.name ?? '' };
      }),
    );
    if ('problem' in again) return draw(c, { problem: again.problem.message }, again.problem.status);
    return draw(c, { link: { ...again.value, endsAfter: '48 hours' } });
  });

  pages.post('/members/:id/password-reset', async (c) => {
    const actor = allowed(c, 'member.manage');
    const id = idParam(c, 'member');
    const made = await attempt(() =>
      db.withOrg(actor.orgId, async (org) => {
        const { token } = await makeReset(org, actor, id);
        await note(org, actor, 'member.password_reset_made', id);
        return { url: `${config.publicUrl}/reset/${token}`, name: (await readMember(org, id))?.name ?? '' };
      }),
    );
    if ('problem' in made) return draw(c, { problem: made.problem.message }, made.problem.status);
    return draw(c, { link: { ...made.value, endsAfter: 'one hour' } });
  });

  pages.post('/members/:id/sign-out', async (c) => {
    const actor = allowed(c, 'member.manage');
    const id = idParam(c, 'member');
    const ended = await attempt(() =>
      db.withOrg(actor.orgId, async (org) => {
        const { name } = await signOutMember(org, actor, id);
        await note(org, actor, 'member.signed_out', id);
        return name;
      }),
    );
    if ('problem' in ended) return draw(c, { problem: ended.problem.message }, ended.problem.status);
    return draw(c, { success: `${ended.value} is signed out everywhere. Their API keys go on working.` });
  });
  return pages;
}

function memberBody(actor: Principal, members: Page<Member>, said: Said, accounts: ReadonlyMap<string, number>): Html {
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
          <th scope="col">Name</th>
          <th scope="col">Role</th>
          <th scope="col">Status</th>
          ${mayManage ? html`<th scope="col"><span class="hush">Change</span></th>` : nothing}
        </tr>
      </thead>
      <tbody>
        ${members.items.map((member) => row(actor, member, mayManage, accounts.get(member.id)))}
      </tbody>
    </table>
    ${members.nextCursor === null ? nothing : html`<p class="meta"><a href="/members?cursor=${members.nextCursor}">More members</a></p>`}
    ${mayManage ? inviteForm(actor, said.typed) : nothing}
  </div>`;
}

const rolesFor = (actor: Principal): readonly Role[] =>
  ROLES.filter((role) => role !== 'owner' || actor.role === 'owner');

function row(actor: Principal, member: Member, mayManage: boolean, accounts = 0): Html {
  const isTouchable = mayManage && (member.role !== 'owner' || actor.role === 'owner');
  const options = rolesFor(actor).map(
    (role) => html`<option ${role === member.role ? 'selected' : ''}>${role}</option>`,
  );
  const button = (path: string, label: string, tone = '', extra: Html = nothing): Html =>
    html`<form method="post" action="/members/${member.id}${path}">
      ${extra}<button class="small ${tone}" aria-label="${label}: ${member.name}">${label}</button>
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
                ? html`<div class="row">
                    ${
                      member.status === 'active' && member.userId !== null
                        ? html`${button('/password-reset', 'Reset password')}${button('/sign-out', 'Sign them out')}`
                        : button('/invitation', 'New link')
                    }${accountsLink(member, accounts)}${member.status === 'deactivated' ? nothing : button('', 'Deactivate', 'danger', hidden('status', 'deactivated'))}
                  </div>`
                : nothing
            }
          </td>`
        : nothing
    }
  </tr>`;
}

const shownOnce = ({ url, name, endsAfter }: { url: string; name: string; endsAfter: string }): Html =>
  html`<div class="alert good" role="status">
    <strong>Send this link to ${name}.</strong> It is shown only now, works once and ends after ${endsAfter}.
    <div class="secret">
      <input id="invitation" value="${url}" readonly aria-label="One-time link" /><button
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
