import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import { isListed, type OrgSettings, type Policy } from '#core/policy.ts';
import { actorText, can, ROLES, type Actor, type Role } from '#core/roles.ts';
import { audit } from './audit.ts';
import type { Org } from './client.ts';
import { lockMembership } from './members.ts';
import { readOrg } from './orgs.ts';
import { members, orgs } from './schema/identity.ts';

/** Everything an org sets, with the version that a change of it must carry: another one means somebody else was faster. */
export interface Settings {
  version: string;
  name: string;
  policy: Policy;
  settings: OrgSettings;
}

export interface SettingsChange {
  name?: string | undefined;
  policy?: { [Name in Exclude<keyof Policy, 'version'>]?: Policy[Name] | undefined } | undefined;
  settings?: { [Name in keyof OrgSettings]?: OrgSettings[Name] | undefined } | undefined;
}

/** The org's settings, with sentences for what would bite later, such as approvals that nobody else can decide. */
export async function readSettings(org: Org): Promise<Settings & { warnings: string[] }> {
  const now = await current(org);
  return { ...now, warnings: warningsFor(now.policy, await decidersOf(org, now.policy)) };
}

/**
 * Changes what is given and leaves the rest; approvals that wait keep the policy they were asked under. The policy's version rises when the policy
 * changed. Throws `UserError`: 409 when `seen` is not the current version, 422 for people who cannot decide or a policy under which nobody can.
 */
export async function changeSettings(
  org: Org,
  actor: Actor,
  seen: string,
  change: SettingsChange,
): Promise<Settings & { warnings: string[]; changed: string[] }> {
  // Membership waits too: who may decide must still hold when this commits.
  await lockMembership(org);
  const before = await current(org);
  if (seen !== before.version)
    throw new UserError('Somebody changed the settings since you opened them. Reload, look again and repeat yours.', {
      status: 409,
      field: 'version',
    });
  const policy = merged(before.policy, change.policy);
  const next = {
    name: change.name ?? before.name,
    policy: {
      ...policy,
      approverRoles: [...new Set(policy.approverRoles)],
      approverMembers: [...new Set(policy.approverMembers)],
      linkHosts: [...new Set(policy.linkHosts)],
    },
    settings: merged(before.settings, change.settings),
  };
  const fields = changedFields(before, next);
  if (fields.length === 0) return { ...(await readSettings(org)), changed: [] };
  if (fields.some((field) => field.startsWith('policy.'))) next.policy.version += 1;
  if (change.policy?.approverMembers) await requireDeciders(org, next.policy.approverMembers);
  const deciders = await decidersOf(org, next.policy);
  if (deciders.length === 0)
    throw new UserError('approverRoles: with these nobody could approve anything. Name a role or a member who can.', {
      status: 422,
      field: 'policy.approverRoles',
    });
  await org.tx.update(orgs).set(next).where(eq(orgs.id, org.id));
  const after = { ...next, version: versionOf(next) };
  await audit(org, {
    actor: actorText(actor),
    action: 'settings.changed',
    target: { type: 'org', id: org.id },
    details: { fields, before: before.version, after: after.version, policyVersion: next.policy.version },
  });
  return { ...after, warnings: warningsFor(after.policy, deciders), changed: fields };
}

/** Refuses hosts that are not on the org's list. Throws `UserError` 422; the list is looked at again at each send. */
export async function requireListed(org: Org, places: readonly string[]): Promise<void> {
  const { egressHosts } = (await readOrg(org)).settings;
  const other = places.find((place) => !isListed(egressHosts, place));
  if (other !== undefined)
    throw new UserError(
      `settings: ${other} is not on your organisation's list of hosts. An owner or admin can add it under Settings.`,
      { status: 422, field: 'settings' },
    );
}

async function current(org: Org): Promise<Settings> {
  const { name, policy, settings } = await readOrg(org);
  return { name, policy, settings, version: versionOf({ name, policy, settings }) };
}

// Parsed rows have their fields in the order of the schema.
const versionOf = ({ name, policy, settings }: Omit<Settings, 'version'>): string =>
  sha256(JSON.stringify([name, inOrder(policy), inOrder(settings)]));
const inOrder = (record: object): [string, unknown][] =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));

function merged<T extends object>(before: T, change: { [Name in keyof T]?: T[Name] | undefined } | undefined): T {
  const given = Object.entries(change ?? {}).filter(([, value]) => value !== undefined);
  return { ...before, ...Object.fromEntries(given) };
}

function changedFields(before: Omit<Settings, 'version'>, next: Omit<Settings, 'version'>): string[] {
  const differ = (part: string, a: object, b: object): string[] => {
    const after = new Map(Object.entries(b));
    return Object.entries(a).flatMap(([name, value]) =>
      JSON.stringify(value) === JSON.stringify(after.get(name)) ? [] : [`${part}.${name}`],
    );
  };
  return [
    ...(before.name === next.name ? [] : ['name']),
    ...differ('policy', before.policy, next.policy),
    ...differ('settings', before.settings, next.settings),
  ];
}

interface Decider {
  id: string;
  name: string;
}

/** Active members who may decide under this policy (RULES A3). */
async function decidersOf(org: Org, policy: Policy): Promise<Decider[]> {
  const active = await org.tx
    .select({ id: members.id, name: members.name, role: members.role })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active')));
  return active.filter(
    ({ id, role }) =>
      can(role, 'approval.decide') && (policy.approverRoles.includes(role) || policy.approverMembers.includes(id)),
  );
}

/** Active members whom a policy may name, those it names already first; 300 at most. */
export const possibleDeciders = (
  org: Org,
  named: readonly string[],
): Promise<{ id: string; name: string; email: string; role: Role }[]> =>
  org.tx
    .select({ id: members.id, name: members.name, email: members.email, role: members.role })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active'), inArray(members.role, DECIDING)))
    .orderBy(named.length === 0 ? sql`1` : desc(inArray(members.id, [...named])), members.name, members.id)
    .limit(300);
const DECIDING = ROLES.filter((role) => can(role, 'approval.decide'));

async function requireDeciders(org: Org, memberIds: readonly string[]): Promise<void> {
  const rows = await org.tx
    .select({ id: members.id, role: members.role, status: members.status })
    .from(members)
    .where(eq(members.orgId, org.id));
  const able = new Set(
    rows.filter(({ role, status }) => status === 'active' && can(role, 'approval.decide')).map(({ id }) => id),
  );
  if (memberIds.some((id) => !able.has(id)))
    throw new UserError('approverMembers: holds somebody who is not an active member, or only a viewer.', {
      status: 422,
      field: 'policy.approverMembers',
    });
}

function warningsFor(policy: Policy, deciders: readonly Decider[]): string[] {
  const [only] = deciders;
  const warnings: string[] = [];
  if (!only) warnings.push('Nobody can approve anything now: name a role or a member who can.');
  else if (deciders.length === 1)
    warnings.push(
      `Only ${only.name} can approve. In an organisation of several people nobody approves their own requests, so what ${only.name} asks for would wait in vain: let a second person approve.`,
    );
  if (policy.write === 'run')
    warnings.push('Writes go on without a person, unless a request has read text from outside.');
  if (policy.destructive === 'run')
    warnings.push('Deleting and overwriting go on without a person, unless a request has read text from outside.');
  return warnings;
}
