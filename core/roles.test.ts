import { expect, test } from 'vitest';
import { API_KEY_SCOPES, can, may, permissions, ROLES } from './roles.ts';

test('D2 the permission matrix, word for word', () => {
  const matrix = Object.fromEntries(
    permissions.map((permission) => [permission, ROLES.filter((role) => can(role, permission)).join(' ')]),
  );
  const everyone = 'owner admin member viewer';
  const askers = 'owner admin member';
  const admins = 'owner admin';
  expect(matrix).toEqual({
    'request.create': askers,
    'run.read': everyone,
    'run.readAll': admins,
    'run.stop': askers,
    'run.stopAll': admins,
    'approval.read': everyone,
    'approval.readAll': admins,
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
    'account.manage': everyone,
  });
});

const keyOf = (...scopes: string[]) => ({ apiKey: { id: 'k', createdBy: 'm', scopes } });

test('D4 what a key of each scope may do for an owner, word for word; full is everything', () => {
  const of = (scope: string) => permissions.filter((permission) => may({ role: 'owner', ...keyOf(scope) }, permission));
  expect(Object.fromEntries(API_KEY_SCOPES.slice(1).map((scope) => [scope, of(scope)]))).toEqual({
    read: permissions.filter((permission) => permission.endsWith('.read') || permission.endsWith('.readAll')),
    ask: ['request.create', 'run.read', 'run.stop'],
    decide: ['approval.read', 'approval.readAll', 'approval.decide', 'effect.read', 'effect.readAll', 'effect.resolve'],
  });
  expect(of('full')).toEqual(permissions);
  expect(of('something of the past')).toEqual([]);
});

test('D4 a scope never adds to a role, and two scopes together cover what either does', () => {
  expect(may({ role: 'viewer', ...keyOf('full') }, 'request.create')).toBe(false);
  expect(may({ role: 'member', ...keyOf('ask', 'decide') }, 'approval.decide')).toBe(true);
  expect(may({ role: 'member', ...keyOf('ask', 'decide') }, 'member.read')).toBe(false);
  expect(may({ role: 'member' }, 'request.create')).toBe(true);
});
