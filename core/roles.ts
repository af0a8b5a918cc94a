import { z } from 'zod';

export const ROLES = ['owner', 'admin', 'member', 'viewer'] as const;
export type Role = (typeof ROLES)[number];
export const zRole = z.enum(ROLES);

const everyone: readonly Role[] = ROLES;
const askers: readonly Role[] = ['owner', 'admin', 'member'];
const admins: readonly Role[] = ['owner', 'admin'];

/** The one permission matrix (RULES D2): chat, web and API ask it and nothing else. "own" means what the member asked for. */
const PERMISSIONS = {
  'request.create': askers,
  'run.read': everyone,
  'run.readAll': admins,
  'run.stop': askers,
  'run.stopAll': admins,
  'approval.read': everyone,
  'approval.readAll': admins,
  // A member named by the policy, or whose role it names, decides too: that is checked in decide() against the approval's own snapshot.
  'approval.decide': askers,
  'effect.read': everyone,
  'effect.readAll': admins,
  'effect.resolve': askers,
  'connection.read': everyone,
  'connection.manage': admins,
  'member.read': everyone,
  'member.manage': admins,
  'audit.read': admins,
  'policy.read': admins,
  'policy.manage': admins,
  'apiKey.read': everyone,
  'apiKey.create': everyone,
  // Their own password and sessions.
  'account.manage': everyone,
} as const satisfies Record<string, readonly Role[]>;

export type Permission = keyof typeof PERMISSIONS;
export const permissions = Object.keys(PERMISSIONS) as Permission[];

/** Whether a role may do something. */
export const can = (role: Role, permission: Permission): boolean => PERMISSIONS[permission].includes(role);

export const API_KEY_SCOPES = ['full', 'read', 'ask', 'decide'] as const;
export type ApiKeyScope = (typeof API_KEY_SCOPES)[number];

/** What a key of each scope may do, of what its member's role may: `ask` asks and follows its requests, `decide` sees and decides what waits. */
const SCOPES: Record<ApiKeyScope, readonly Permission[]> = {
  full: permissions,
  read: permissions.filter((permission) => /\.read(All)?$/.test(permission)),
  ask: ['request.create', 'run.read', 'run.stop'],
  decide: ['approval.read', 'approval.readAll', 'approval.decide', 'effect.read', 'effect.readAll', 'effect.resolve'],
};

/** Whether the key that is used, if any, covers this. A scope that nobody knows any more covers nothing. */
export const inScope = (actor: Pick<Actor, 'apiKey'>, permission: Permission): boolean =>
  !actor.apiKey ||
  API_KEY_SCOPES.some((scope) => actor.apiKey?.scopes.includes(scope) && SCOPES[scope].includes(permission));

/** Whether somebody may do something: their role may, and so may the key they use. */
export const may = (actor: Pick<Actor, 'role' | 'apiKey'>, permission: Permission): boolean =>
  can(actor.role, permission) && inScope(actor, permission);

/** Who acts: an active member, and the API key used, if any. */
export interface Actor {
  readonly orgId: string;
  readonly memberId: string;
  readonly role: Role;
  readonly apiKey?: { readonly id: string; readonly createdBy: string; readonly scopes: readonly string[] };
}

/** How the audit names who acted: the member, and the API key used, if any. */
export const actorText = ({ memberId, apiKey }: Pick<Actor, 'memberId' | 'apiKey'>): string =>
  `member:${memberId}${apiKey ? ` key:${apiKey.id}` : ''}`;
