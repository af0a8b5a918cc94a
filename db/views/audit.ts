import { and, eq, inArray } from 'drizzle-orm';
import { isId } from '#core/ids.ts';
import type { AuditRow } from '#db/audit-list.ts';
import type { Org } from '#db/client.ts';
import { approvals, effects } from '#db/schema/approvals.ts';
import { connections } from '#db/schema/connections.ts';
import { apiKeys, members } from '#db/schema/identity.ts';

export interface ListedAudit extends AuditRow {
  /** Who acted, by name; "the system" when nobody did. */
  actorName: string;
  /** The API key they used, or null. */
  keyName: string | null;
  /** What it was about, by name, when it still has one. */
  targetName: string | null;
}

const NAMED = {
  member: { table: members, name: members.name },
  api_key: { table: apiKeys, name: apiKeys.name },
  connection: { table: connections, name: connections.name },
  approval: { table: approvals, name: approvals.summary },
  effect: { table: effects, name: effects.summary },
} as const;
type Named = keyof typeof NAMED;
const isNamed = (type: string): type is Named => Object.hasOwn(NAMED, type);

/** Rows of the log with names for ids: the log itself holds ids only, so a name is the one of today. */
export async function withNames(org: Org, rows: readonly AuditRow[]): Promise<ListedAudit[]> {
  const wanted = new Map<Named, Set<string>>();
  const want = (type: string, id: string | undefined): void => {
    if (!isNamed(type) || id === undefined || !isId(id)) return;
    wanted.set(type, (wanted.get(type) ?? new Set()).add(id));
  };
  for (const row of rows) {
    const { memberId, keyId } = actorOf(row.actor);
    want('member', memberId);
    want('api_key', keyId);
    want(row.targetType, row.targetId);
  }
  const names = new Map<string, string>();
  for (const [type, ids] of wanted) {
    const { table, name } = NAMED[type];
    const found = await org.tx
      .select({ id: table.id, name })
      .from(table)
      .where(and(eq(table.orgId, org.id), inArray(table.id, [...ids])));
    for (const row of found) names.set(`${type} ${row.id}`, row.name);
  }
  return rows.map((row) => {
    const { memberId, keyId } = actorOf(row.actor);
    return {
      ...row,
      actorName: memberId === undefined ? 'The system' : (names.get(`member ${memberId}`) ?? 'Somebody'),
      keyName: keyId === undefined ? null : (names.get(`api_key ${keyId}`) ?? 'an API key'),
      targetName: names.get(`${row.targetType} ${row.targetId}`) ?? null,
    };
  });
}

/** The parts of "member:<id> key:<id>". */
const actorOf = (actor: string): { memberId: string | undefined; keyId: string | undefined } => ({
  memberId: /^member:(\S+)/.exec(actor)?.[1],
  keyId: / key:(\S+)$/.exec(actor)?.[1],
});
