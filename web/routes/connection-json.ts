import type { Connection } from '#db/connections.ts';
import { iso, isoOrNull, z, zTime, zUuid } from './define.ts';

export const zListedConnection = z.object({
  id: zUuid,
  connector: z.string(),
  name: z.string(),
  /** Its tools are called `<slug>_<action>`. */
  slug: z.string(),
  settingsVersion: z.int(),
  visibility: z.enum(['org', 'personal']),
  ownerMemberId: zUuid,
  isTrusted: z.boolean(),
  testedAt: zTime.nullable(),
  testResult: z.string().nullable(),
  createdAt: zTime,
  updatedAt: zTime,
});
export const zConnection = zListedConnection
  .extend({ settings: z.record(z.string(), z.unknown()) })
  .openapi('Connection');

/** Picks field by field: a credential is in another table and never gets here. */
export const connectionJson = (row: Connection) => ({
  id: row.id,
  connector: row.connector,
  name: row.name,
  slug: row.slug,
  settings: row.settings,
  settingsVersion: row.settingsVersion,
  visibility: row.visibility,
  ownerMemberId: row.ownerMemberId,
  isTrusted: row.isTrusted,
  testedAt: isoOrNull(row.testedAt),
  testResult: row.testResult,
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});
