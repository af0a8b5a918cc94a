import { and, eq } from 'drizzle-orm';
import type { Inbound } from '#core/chat.ts';
import { RUN_LIMITS } from '#core/limits.ts';
import { zOrgSettings } from '#core/policy.ts';
import { can, type Actor } from '#core/roles.ts';
import { isStorable } from '#core/text.ts';
import type { Database, Tx } from '#db/client.ts';
import type { Account } from '#db/identities.ts';
import { identities, members, orgs, tenants } from '#db/schema/index.ts';
import { readSlackPerson } from '#db/slack-people.ts';
import type { FoundActor } from './types.ts';

/** Why a request is refused, and the polite line for whoever sent it. */
export const REFUSALS = {
  unknown_tenant: 'This workspace is not connected to Abetworks yet. Ask an admin to connect it.',
  bot: 'I answer people only.',
  stranger: 'I work for this workspace only, and you are from another company. Ask a colleague here to ask me.',
  guest: 'Guests cannot ask me to act here. Ask a member of the workspace.',
  account_off: 'Your account in this workspace is switched off. Ask an admin of the workspace.',
  unlinked: 'I do not know you yet. Ask an admin to invite you, then link your account.',
  deactivated: 'Your access was switched off. Ask an admin.',
  role: 'Your role only lets you read. Ask an admin for the member role.',
  channel:
    'Admins choose the channels I work in, and this is not one of them. Write to me directly, or ask an admin to add this channel under Settings.',
  busy: 'You had as many requests under way as your organisation allows at once. Send it again when one has ended.',
  text: `I can read requests of 1 to ${RUN_LIMITS.textLength} characters of valid text. Shorten it and send it again.`,
} as const;
export type Refusal = keyof typeof REFUSALS;

export type Found = { refused: Refusal } | { actor: Actor };

/** Tenant → org and sender → member, by our tables only (RULES I3). */
export async function findSender(tx: Tx, inbound: Inbound): Promise<Found> {
  const { where, sender, text } = inbound;
  const found = await findMember(tx, { ...where, externalId: sender.id });
  const refuse = (refused: Refusal): Found => ({ refused });
  if (!found) return refuse('unknown_tenant');
  const { orgId, member } = found;
  if (sender.isBot) return refuse('bot');
  if (sender.isStranger) return refuse('stranger');
  if (sender.isGuest) return refuse('guest');
  if (sender.isDeactivated) return refuse('account_off');
  if (!isOpenChannel(found.settings, inbound)) return refuse('channel');
  if (!member) return refuse('unlinked');
  if (member.status !== 'active') return refuse('deactivated');
  if (!can(member.role, 'request.create')) return refuse('role');
  const length = text.trim().length;
  if (length === 0 || length > RUN_LIMITS.textLength || !isStorable(text)) return refuse('text');
  return { actor: { orgId, memberId: member.id, role: member.role } };
}

/** An empty list opens every channel; direct messages always are. */
function isOpenChannel(settings: unknown, { where, isDirect }: Inbound): boolean {
  if (where.platform !== 'slack' || isDirect) return true;
  const { channels } = zOrgSettings.parse(settings).slack;
  return channels.length === 0 || channels.includes(where.channel);
}

/** Who acts with an account, for everything that is no request. What Slack said of them last counts too. */
export async function findActor(db: Database, account: Account): Promise<FoundActor> {
  const found = await db.withSystem('find who acts with an account', (tx) => findMember(tx, account));
  if (!found) return { reason: 'unknown_tenant', refused: REFUSALS.unknown_tenant, orgId: null };
  const { orgId, member } = found;
  const person =
    account.platform === 'slack' ? await db.withOrg(orgId, (org) => readSlackPerson(org, account)) : undefined;
  const refuse = (reason: Refusal): FoundActor => ({ reason, refused: REFUSALS[reason], orgId });
  if (person?.isBot) return refuse('bot');
  if (person?.isStranger) return refuse('stranger');
  if (person?.isGuest) return refuse('guest');
  if (person?.isDeactivated) return refuse('account_off');
  if (!member) return refuse('unlinked');
  if (member.status !== 'active') return refuse('deactivated');
  return { actor: { orgId, memberId: member.id, role: member.role }, name: member.name };
}

/** The tenant's org, and the account's member there; sees what the transaction sees. */
async function findMember(tx: Tx, { platform, tenant, externalId }: Account) {
  const [found] = await tx
    .select({
      orgId: tenants.orgId,
      settings: orgs.settings,
      member: { id: members.id, role: members.role, status: members.status, name: members.name },
    })
    .from(tenants)
    .innerJoin(orgs, eq(orgs.id, tenants.orgId))
    .leftJoin(
      identities,
      and(
        eq(identities.orgId, tenants.orgId),
        eq(identities.platform, tenants.platform),
        eq(identities.tenant, tenants.tenant),
        eq(identities.externalId, externalId),
      ),
    )
    .leftJoin(members, and(eq(members.orgId, identities.orgId), eq(members.id, identities.memberId)))
    .where(isTenant({ platform, tenant }));
  return found;
}

const isTenant = ({ platform, tenant }: Pick<Account, 'platform' | 'tenant'>) =>
  and(eq(tenants.platform, platform), eq(tenants.tenant, tenant));

/** The org that a platform's tenant belongs to; null: nobody connected it. */
export async function orgOf(db: Database, of: Pick<Account, 'platform' | 'tenant'>): Promise<string | null> {
  const [row] = await db.withSystem('find the org of a platform event', (tx) =>
    tx.select({ orgId: tenants.orgId }).from(tenants).where(isTenant(of)),
  );
  return row?.orgId ?? null;
}
