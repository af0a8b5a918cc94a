import { notFound } from '#core/errors.ts';
import { actorText, ROLES } from '#core/roles.ts';
import { audit } from '#db/audit.ts';
import { invite } from '#db/invitations.ts';
import { addMember, listMembers, readMember } from '#db/members.ts';
import { changeMember, inviteAgain, requireOwnerFor, signOutMember } from '#db/membership.ts';
import { makeReset } from '#db/password-resets.ts';
import { actorOf } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import {
  body,
  createApi,
  createRoute,
  failures,
  iso,
  json,
  secured,
  z,
  zIdPath,
  zList,
  zPage,
  zTime,
  zUuid,
  type Api,
  zField,
} from './define.ts';
import { memberJson, zMember } from './member-json.ts';

const zName = zField(100);
const zNew = z.object({ email: z.email().max(254).toLowerCase(), name: zName, role: z.enum(ROLES).default('member') });
const zChange = z
  .strictObject({ role: z.enum(ROLES), status: z.enum(['active', 'deactivated']), name: zName })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'Name what to change: role, status or name')
  .openapi({ minProperties: 1 });
const zInvited = z.object({
  id: zUuid,
  /** One-time, 48 hours, shown once. */
  invitation: z.string(),
  url: z.string(),
  expiresAt: zTime,
});
const zReset = z.object({
  /** One-time, one hour, shown once. */
  url: z.string(),
  expiresAt: zTime,
});

export function memberRoutes({ db, config }: Pick<WebDeps, 'db' | 'config'>): Api {
  const api = createApi();
  const invitedJson = (id: string, { token, expiresAt }: { token: string; expiresAt: Date }) => ({
    id,
    invitation: token,
    url: `${config.publicUrl}/invite/${token}`,
    expiresAt: iso(expiresAt),
  });

  const add = createRoute({
    method: 'post',
    path: '/api/v1/members',
    ...secured('member.manage'),
    summary: 'Invite somebody',
    request: body(zNew),
    responses: { 201: json(zInvited, 'Invited; hand the invitation on'), ...failures },
  });
  api.openapi(add, async (c) => {
    const actor = actorOf(c);
    const wanted = c.req.valid('json');
    requireOwnerFor(actor, wanted.role);
    const answer = await db.withOrg(actor.orgId, async (org) => {
      const { id } = await addMember(org, { ...wanted, status: 'invited' });
      const invitation = await invite(org, { memberId: id, createdBy: actor.memberId });
      const target = { type: 'member', id };
      await audit(org, { actor: actorText(actor), action: 'member.invited', target, details: { role: wanted.role } });
      return invitedJson(id, invitation);
    });
    return c.json(answer, 201);
  });

  const list = createRoute({
    method: 'get',
    path: '/api/v1/members',
    ...secured('member.read'),
    summary: 'Who belongs to the organisation',
    request: { query: zPage },
    responses: { 200: json(zList(zMember), 'Newest first'), ...failures },
  });
  api.openapi(list, async (c) => {
    const page = await db.withOrg(actorOf(c).orgId, (org) => listMembers(org, c.req.valid('query')));
    return c.json({ items: page.items.map(memberJson), nextCursor: page.nextCursor }, 200);
  });

  const get = createRoute({
    method: 'get',
    path: '/api/v1/members/{id}',
    ...secured('member.read'),
    summary: 'One member',
    request: { params: zIdPath },
    responses: { 200: json(zMember, 'The member'), ...failures },
  });
  api.openapi(get, async (c) => {
    const member = await db.withOrg(actorOf(c).orgId, (org) => readMember(org, c.req.valid('param').id));
    if (!member) throw notFound('member');
    return c.json(memberJson(member), 200);
  });

  const change = createRoute({
    method: 'patch',
    path: '/api/v1/members/{id}',
    ...secured('member.manage'),
    summary: 'Change a role or name, deactivate or reactivate',
    request: { params: zIdPath, ...body(zChange) },
    responses: { 200: json(zMember, 'Changed. Deactivation ends sessions and keys'), ...failures },
  });
  api.openapi(change, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    const wanted = c.req.valid('json');
    const member = await db.withOrg(actor.orgId, async (org) => {
      const changed = await changeMember(org, actor, id, wanted);
      const { role = null, status = null } = wanted;
      await audit(org, {
        actor: actorText(actor),
        action: 'member.changed',
        target: { type: 'member', id },
        details: { role, status },
      });
      return changed;
    });
    return c.json(memberJson(member), 200);
  });

  const again = createRoute({
    method: 'post',
    path: '/api/v1/members/{id}/invitation',
    ...secured('member.manage'),
    summary: 'Invite again: somebody who has not come yet, or was deactivated',
    request: { params: zIdPath },
    responses: { 201: json(zInvited, 'Invited'), ...failures },
  });
  api.openapi(again, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    const answer = await db.withOrg(actor.orgId, async (org) => {
      const invitation = await inviteAgain(org, actor, id);
      await audit(org, { actor: actorText(actor), action: 'member.invited', target: { type: 'member', id } });
      return invitedJson(id, invitation);
    });
    return c.json(answer, 201);
  });

  const reset = createRoute({
    method: 'post',
    path: '/api/v1/members/{id}/password-reset',
    ...secured('member.manage'),
    summary: 'Make a link to choose a new password; for an owner only by an owner',
    request: { params: zIdPath },
    responses: { 201: json(zReset, 'The link, shown this once; links made before end'), ...failures },
  });
  api.openapi(reset, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    const made = await db.withOrg(actor.orgId, async (org) => {
      const link = await makeReset(org, actor, id);
      await audit(org, {
        actor: actorText(actor),
        action: 'member.password_reset_made',
        target: { type: 'member', id },
      });
      return link;
    });
    return c.json({ url: `${config.publicUrl}/reset/${made.token}`, expiresAt: iso(made.expiresAt) }, 201);
  });

  const signOut = createRoute({
    method: 'post',
    path: '/api/v1/members/{id}/sign-out',
    ...secured('member.manage'),
    summary: 'Sign somebody out everywhere; their API keys stay',
    request: { params: zIdPath },
    responses: { 204: { description: 'Signed out' }, ...failures },
  });
  api.openapi(signOut, async (c) => {
    const actor = actorOf(c);
    const { id } = c.req.valid('param');
    await db.withOrg(actor.orgId, async (org) => {
      await signOutMember(org, actor, id);
      await audit(org, { actor: actorText(actor), action: 'member.signed_out', target: { type: 'member', id } });
    });
    return c.body(null, 204);
  });
  return api;
}
