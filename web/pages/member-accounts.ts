import { Hono } from 'hono';
import type { Context } from 'hono';
import { html } from 'hono/html';
import { notFound } from '#core/errors.ts';
import { actorText, type Actor } from '#core/roles.ts';
import { escapeInvisible } from '#core/text.ts';
import type { Org } from '#db/client.ts';
import { unlinkIdentity } from '#db/identities.ts';
import { readMember, type Member } from '#db/members.ts';
import { requireOwnerFor } from '#db/membership.ts';
import { linkedAccounts } from '#db/slack-links.ts';
import type { WebDeps } from '#web/deps.ts';
import type { WebEnv } from '#web/env.ts';
import type { Frame, Html } from './frame.ts';
import { slackSection } from './linked-accounts.ts';
import { allowed, badge, good, idParam, nothing } from './parts.ts';

/** What an admin sees and undoes of a member's Slack accounts, a deactivated member's too: who left a workspace cannot do it themselves any more. */
export function memberAccountPages({ deps, frame }: { deps: WebDeps; frame: Frame }): Hono<WebEnv> {
  const { db } = deps;
  const pages = new Hono<WebEnv>();

  async function draw(c: Context<WebEnv>, success?: string): Promise<Response> {
    const actor = allowed(c, 'member.manage');
    const id = idParam(c, 'member');
    const { member, accounts } = await db.withOrg(actor.orgId, async (org) => ({
      member: await whose(org, actor, id),
      accounts: await linkedAccounts(org, id),
    }));
    const name = escapeInvisible(member.name);
    const words = {
      title: 'Linked Slack accounts',
      none: 'None.',
      path: `/members/${member.id}/accounts`,
    };
    const body = html`<div class="page">
      <header>
        <div>
          <h1>${name}</h1>
          <p class="lead">${escapeInvisible(member.email)}: ${member.role} ${badge(member.status)}</p>
          <p class="lead">
            ${member.status === 'deactivated' ? 'Nobody is heard through an account of somebody deactivated. ' : ''}An
            account that is unlinked acts for nobody: whoever holds it gets a private link when they ask, and ties it to
            the member they sign in as.
          </p>
        </div>
      </header>
      ${good(success)}${slackSection(accounts, words)}
      <p class="meta"><a href="/members">All members</a></p>
    </div>`;
    return frame.page(c, { title: `Accounts of ${name}`, section: 'members', body });
  }

  pages.get('/members/:id/accounts', (c) => draw(c));

  pages.post('/members/:id/accounts/:account/unlink', async (c) => {
    const actor = allowed(c, 'member.manage');
    const memberId = idParam(c, 'member');
    const accountId = idParam(c, 'account', 'account');
    await db.withOrg(actor.orgId, async (org) => {
      await whose(org, actor, memberId);
      const account = (await linkedAccounts(org, memberId)).find(({ id }) => id === accountId);
      if (!account) throw notFound('account');
      const { tenant, externalId } = account;
      const by = { how: 'admin', actor: actorText(actor) } as const;
      await unlinkIdentity(org, { platform: 'slack', tenant, externalId, memberId, ...by });
    });
    return draw(c, 'Unlinked: that Slack account acts for nobody now.');
  });
  return pages;
}

/** The member, whom this admin may change. Throws `UserError`: 404, 403 for an owner by somebody else. */
async function whose(org: Org, actor: Actor, memberId: string): Promise<Member> {
  const member = await readMember(org, memberId);
  if (!member) throw notFound('member');
  requireOwnerFor(actor, member.role);
  return member;
}

/** The way to the page, beside a member who has any. */
export const accountsLink = ({ id, name }: Member, count: number): Html =>
  count === 0
    ? nothing
    : html`<a class="button small" href="/members/${id}/accounts" aria-label="Slack accounts: ${name}"
        >Slack accounts (${count})</a
      >`;
