import { ROLES } from '#core/roles.ts';
import type { Member } from '#db/members.ts';
import { iso, isoOrNull, z, zTime, zUuid } from './define.ts';

export const zMember = z
  .object({
    id: zUuid,
    email: z.string(),
    name: z.string(),
    role: z.enum(ROLES),
    status: z.enum(['invited', 'active', 'deactivated']),
    createdAt: zTime,
    activatedAt: zTime.nullable(),
  })
  .openapi('Member');

export const memberJson = ({ id, email, name, role, status, createdAt, activatedAt }: Member) => ({
  id,
  email,
  name,
  role,
  status,
  createdAt: iso(createdAt),
  activatedAt: isoOrNull(activatedAt),
});
