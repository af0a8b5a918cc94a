import { findConnector, type OfferChange } from '#activities/integrations/index.ts';
import type { Connection } from '#db/connections.ts';
import { iso, isoOrNull, z, zTime, zUuid } from './define.ts';

export const zHealth = z.object({
  /** `unknown`: of this kind nobody looks. */
  status: z.enum(['up', 'down', 'unknown']),
  text: z.string().nullable(),
  checkedAt: zTime.nullable(),
  /** Since when it is up or down. */
  since: zTime.nullable(),
});
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
  health: zHealth,
  /** The other side offers something else than was accepted; null: it does not. */
  offeredSha256: z.string().nullable(),
  testedAt: zTime.nullable(),
  testResult: z.string().nullable(),
  createdAt: zTime,
  updatedAt: zTime,
});
const zChange = z.object({
  id: z.string(),
  kind: z.enum(['new', 'changed', 'removed']),
  effect: z.enum(['read', 'write', 'destructive']),
  isOn: z.boolean(),
  parts: z.array(z.object({ name: z.string(), before: z.string(), after: z.string() })),
});
export const zConnection = zListedConnection
  .extend({
    settings: z.record(z.string(), z.unknown()),
    /** What differs, for who accepts it. */
    changes: z.array(zChange),
  })
  .openapi('Connection');

export const healthJson = (row: Connection) => ({
  status: row.health,
  text: row.healthText,
  checkedAt: isoOrNull(row.healthCheckedAt),
  since: isoOrNull(row.healthSince),
});

const shaOf = ({ offered }: Connection): string | null => {
  const sha256 = offered?.['sha256'];
  return typeof sha256 === 'string' ? sha256 : null;
};

export const listedJson = (row: Connection) => ({
  id: row.id,
  connector: row.connector,
  name: row.name,
  slug: row.slug,
  settingsVersion: row.settingsVersion,
  visibility: row.visibility,
  ownerMemberId: row.ownerMemberId,
  isTrusted: row.isTrusted,
  health: healthJson(row),
  offeredSha256: shaOf(row),
  testedAt: isoOrNull(row.testedAt),
  testResult: row.testResult,
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});

/** Picks field by field: a credential is in another table and never gets here. */
export const connectionJson = (row: Connection) => ({
  ...listedJson(row),
  settings: row.settings,
  changes: changesOf(row).map(({ id, kind, effect, isOn, parts }) => ({ id, kind, effect, isOn, parts })),
});

/** What the other side offers that nobody has accepted yet. */
export const changesOf = (row: Connection): OfferChange[] =>
  row.offered === null ? [] : (findConnector(row.connector).watched?.changes(row.settings, row.offered) ?? []);
