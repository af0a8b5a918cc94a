import { expect, test } from 'vitest';
import { can, permissions, ROLES } from './roles.ts';

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
    'policy.manage': admins,
    'apiKey.create': everyone,
  });
});
