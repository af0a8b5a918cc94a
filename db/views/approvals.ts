import { and, count, desc, eq, inArray, isNotNull, isNull, ne } from 'drizzle-orm';
import type { Actor } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import { type ApprovalRow, findApproval, listApprovals } from '#db/lists.ts';
import { type ApprovalPolicy, approvals } from '#db/schema/approvals.ts';
import { apiKeys, members } from '#db/schema/identity.ts';
import type { ApprovalStatus } from '#db/schema/words.ts';
import { seesApprovals } from '#db/visibility.ts';

/** An approval with everything its card says: names for ids, and who is new (RULES A3). */
export interface ApprovalView {
  id: string;
  runId: string;
  threadId: string;
  tool: string;
  summary: string;
  payloadText: string;
  payloadSha256: string;
  requestedBy: string;
  requestedByName: string;
  reason: string;
  origins: { path: string; origin: string }[];
  policy: ApprovalPolicy;
  requesterMayDecide: boolean;
  newcomers: string[];
  status: ApprovalStatus;
  decidedByName: string | null;
  decidedAt: Date | null;
  comment: string | null;
  expiresAt: Date;
  createdAt: Date;
}

const DAY_MS = 24 * 3_600_000;

/** One approval the actor may see, or undefined. */
export async function readApprovalView(org: Org, actor: Actor, approvalId: string): Promise<ApprovalView | undefined> {
  const row = await findApproval(org, actor, approvalId);
  return row && (await viewsOf(org, [row]))[0];
}

/** The actor's inbox: what waits, oldest last; and the newest that were settled. */
export async function readInbox(org: Org, actor: Actor): Promise<{ pending: ApprovalView[]; settled: ApprovalView[] }> {
  const pending = await listApprovals(org, actor, { limit: 100, status: 'pending' });
  const settled = await org.tx
    .select({ id: approvals.id })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), ne(approvals.status, 'pending'), seesApprovals(actor)))
    .orderBy(desc(approvals.decidedAt))
    .limit(30);
  const rows = await Promise.all(settled.map(({ id }) => findApproval(org, actor, id)));
  const views = await viewsOf(org, [...pending.items, ...rows.filter((row) => row !== undefined)]);
  return {
    pending: views.filter(({ status }) => status === 'pending'),
    settled: views.filter(({ status }) => status !== 'pending'),
  };
}

/** How many wait and could be decided or are the actor's own: the number beside "Approvals". */
export async function countPending(org: Org, actor: Actor): Promise<number> {
  const [row] = await org.tx
    .select({ n: count() })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), eq(approvals.status, 'pending'), seesApprovals(actor)));
  return row?.n ?? 0;
}

/** Rows → views, with the members and keys that were younger than 24 h and could decide. */
export async function viewsOf(org: Org, rows: readonly ApprovalRow[]): Promise<ApprovalView[]> {
  if (rows.length === 0) return [];
  const people = await org.tx
    .select({ id: members.id, role: members.role, name: members.name, since: members.activatedAt })
    .from(members)
    .where(and(eq(members.orgId, org.id), eq(members.status, 'active'), isNotNull(members.activatedAt)));
  const keys = await org.tx
    .select({ memberId: apiKeys.memberId, name: apiKeys.name, since: apiKeys.createdAt })
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.orgId, org.id),
        isNull(apiKeys.revokedAt),
        inArray(
          apiKeys.memberId,
          people.map(({ id }) => id),
        ),
      ),
    );
  const named = keys.flatMap((key) => {
    const member = people.find(({ id }) => id === key.memberId);
    return member
      ? [{ ...member, since: key.since, text: `The API key “${key.name}” of ${member.name} was made` }]
      : [];
  });
  const all = [...people.map((person) => ({ ...person, text: `${person.name} joined` })), ...named];

  return rows.map(({ approval, requestedByName, decidedByName }) => {
    const until = (approval.decidedAt ?? new Date()).getTime();
    const newcomers = all
      .filter(({ since }) => since !== null && until - since.getTime() >= 0 && until - since.getTime() < DAY_MS)
      .filter(({ id, role }) => approval.policy.roles.includes(role) || approval.policy.members.includes(id))
      .map(({ text }) => `${text} less than 24 hours before`)
      .slice(0, 6);
    const { payload, ...rest } = approval;
    return {
      ...rest,
      payloadText: payload,
      requestedByName,
      decidedByName,
      newcomers: approval.status === 'pending' ? newcomers.map((text) => text.replace(/before$/, 'ago')) : newcomers,
      requesterMayDecide: approval.policy.requesterMayDecide,
    };
  });
}
