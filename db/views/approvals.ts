import { and, count, desc, eq, gt, inArray, isNull, ne, sql } from 'drizzle-orm';
import { alias } from 'drizzle-orm/pg-core';
import type { Actor } from '#core/roles.ts';
import type { ActionEffect } from '#core/tools.ts';
import type { Org } from '#db/client.ts';
import type { Approval } from '#db/approvals.ts';
import { approvalsById, findApproval, listApprovals } from '#db/lists.ts';
import { isOnePersonOrg } from '#db/orgs.ts';
import { newestOf } from '#db/paging.ts';
import { type ApprovalPolicy, approvals } from '#db/schema/approvals.ts';
import { apiKeys, members, passwordResets } from '#db/schema/identity.ts';
import type { ApprovalStatus } from '#db/schema/words.ts';
import { approvalWays, seesApprovals } from '#db/visibility.ts';

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
  /** What the action was declared to do. */
  effect: ActionEffect | null;
  origins: { path: string; origin: string }[];
  policy: ApprovalPolicy;
  requesterMayDecide: boolean;
  /** The org has never had a second person, so nobody else could decide either. */
  isAlone: boolean;
  newcomers: string[];
  /** Members who changed the arguments since it was asked (RULES A4). */
  editedBy: string[];
  editedByNames: string[];
  supersedes: string | null;
  supersededBy: string | null;
  /** The payload as it was first asked, when edits led to this one. */
  originalPayloadText: string | null;
  status: ApprovalStatus;
  decidedByName: string | null;
  decidedAt: Date | null;
  comment: string | null;
  expiresAt: Date;
  createdAt: Date;
}

const DAY_MS = 24 * 3_600_000;
const SETTLED = 30;

/** One approval the actor may see, or undefined. */
export async function readApprovalView(org: Org, actor: Actor, approvalId: string): Promise<ApprovalView | undefined> {
  const row = await findApproval(org, actor, approvalId);
  return row && (await viewsOf(org, [row]))[0];
}

/** The actor's inbox: what waits, oldest last; and the newest that were settled. */
export async function readInbox(org: Org, actor: Actor): Promise<{ pending: ApprovalView[]; settled: ApprovalView[] }> {
  const pending = await listApprovals(org, actor, { limit: 100, status: 'pending' });
  const settled = await newestOf({ isBack: false }, approvalWays(actor), SETTLED, (way) =>
    org.tx
      .select({ id: approvals.id, createdAt: sql<Date>`${approvals.decidedAt}`.mapWith(approvals.decidedAt) })
      .from(approvals)
      .where(and(eq(approvals.orgId, org.id), ne(approvals.status, 'pending'), way))
      .orderBy(desc(approvals.decidedAt))
      .limit(SETTLED),
  );
  const rows = await approvalsById(org, settled);
  const views = await viewsOf(org, [...pending.items, ...rows]);
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

/** One whose reader was checked elsewhere, or who is everybody in its thread. */
export async function viewOf(org: Org, approval: Approval): Promise<ApprovalView> {
  const [view] = await viewsOf(org, [{ approval }]);
  if (!view) throw new Error('approval vanished');
  return view;
}

/** Rows → views, with what of the last 24 h speaks against who could decide (RULES A3). */
export async function viewsOf(org: Org, rows: readonly { approval: Approval }[]): Promise<ApprovalView[]> {
  if (rows.length === 0) return [];
  const all = rows.map(({ approval }) => approval);
  const nameOf = await namesOf(org, all);
  const newcomersOf = await readNewcomers(org, all);
  const originals = await originalsOf(org, all);
  const successors = await successorsOf(org, all);
  const isAlone = await isOnePersonOrg(org);
  return all.map(({ payload, ...approval }) => ({
    ...approval,
    payloadText: payload,
    requestedByName: nameOf(approval.requestedBy),
    decidedByName: approval.decidedBy && nameOf(approval.decidedBy),
    editedByNames: approval.editedBy.map(nameOf),
    newcomers: newcomersOf(approval),
    originalPayloadText: originals.get(approval.id) ?? null,
    supersededBy: successors.get(approval.id) ?? null,
    requesterMayDecide: approval.policy.requesterMayDecide,
    isAlone,
  }));
}

async function namesOf(org: Org, all: readonly Approval[]): Promise<(id: string) => string> {
  const ids = all.flatMap(({ requestedBy, decidedBy, editedBy }) => [
    requestedBy,
    decidedBy ?? requestedBy,
    ...editedBy,
  ]);
  const people = await org.tx
    .select({ id: members.id, name: members.name })
    .from(members)
    .where(and(eq(members.orgId, org.id), inArray(members.id, [...new Set(ids)])));
  const names = new Map(people.map(({ id, name }) => [id, name]));
  return (id) => names.get(id) ?? 'Someone';
}

/**
 * What of the 24 h before the decision, or before now, could have brought somebody else to decide: passwords reset by a link, members, keys (RULES A3). Resets
 * come first, since only so many are shown.
 */
async function readNewcomers(
  org: Org,
  all: readonly Approval[],
): Promise<(approval: Pick<Approval, 'decidedAt' | 'policy' | 'status'>) => string[]> {
  const untilMs = ({ decidedAt }: Pick<Approval, 'decidedAt'>): number => (decidedAt ?? new Date()).getTime();
  const earliest = new Date(Math.min(...all.map(untilMs)) - DAY_MS);
  const found = [
    ...(await resetsSince(org, earliest)),
    ...(await peopleSince(org, earliest)),
    ...(await keysSince(org, earliest)),
  ];
  return (approval) => {
    const { policy, status } = approval;
    const lines = found
      .filter(({ since }) => since !== null && isWithinDay(untilMs(approval) - since.getTime()))
      .filter(({ id, role }) => policy.roles.includes(role) || policy.members.includes(id))
      .map(({ text }) => `${text} less than 24 hours ${status === 'pending' ? 'ago' : 'before'}`);
    const [shown, rest] = [lines.slice(0, NEWCOMERS), lines.length - NEWCOMERS];
    return rest > 0 ? [...shown, `${rest} more like these`] : shown;
  };
}

const NEWCOMERS = 6;
const isWithinDay = (ms: number): boolean => ms >= 0 && ms < DAY_MS;

interface Newcomer {
  id: string;
  role: Actor['role'];
  since: Date | null;
  text: string;
}
const isActive = (org: Org) => and(eq(members.orgId, org.id), eq(members.status, 'active'));

async function resetsSince(org: Org, since: Date): Promise<Newcomer[]> {
  const maker = alias(members, 'maker');
  const rows = await org.tx
    .select({ id: members.id, role: members.role, name: members.name, since: passwordResets.usedAt, by: maker.name })
    .from(passwordResets)
    .innerJoin(members, and(eq(members.orgId, passwordResets.orgId), eq(members.id, passwordResets.memberId)))
    .leftJoin(maker, and(eq(maker.orgId, passwordResets.orgId), eq(maker.id, passwordResets.createdBy)))
    .where(and(isActive(org), eq(passwordResets.orgId, org.id), gt(passwordResets.usedAt, since)))
    .orderBy(desc(passwordResets.usedAt));
  const how = (by: string | null): string => (by === null ? 'on the server' : `with a link from ${by}`);
  return rows.map(({ name, by, ...row }) => ({ ...row, text: `The password of ${name} was reset ${how(by)}` }));
}

async function peopleSince(org: Org, since: Date): Promise<Newcomer[]> {
  const rows = await org.tx
    .select({ id: members.id, role: members.role, name: members.name, since: members.activatedAt })
    .from(members)
    .where(and(isActive(org), gt(members.activatedAt, since)));
  return rows.map(({ name, ...row }) => ({ ...row, text: `${name} joined` }));
}

async function keysSince(org: Org, since: Date): Promise<Newcomer[]> {
  const rows = await org.tx
    .select({ id: members.id, role: members.role, name: members.name, since: apiKeys.createdAt, key: apiKeys.name })
    .from(apiKeys)
    .innerJoin(members, and(eq(members.orgId, apiKeys.orgId), eq(members.id, apiKeys.memberId)))
    .where(and(isActive(org), eq(apiKeys.orgId, org.id), isNull(apiKeys.revokedAt), gt(apiKeys.createdAt, since)));
  return rows.map(({ name, key, ...row }) => ({ ...row, text: `The API key “${key}” of ${name} was made` }));
}

/** The payload at the start of each chain of edits, by the id of the approval it led to. */
async function originalsOf(org: Org, all: readonly Approval[]): Promise<Map<string, string>> {
  const originals = new Map<string, string>();
  let links = all.flatMap(({ id, supersedes }) => (supersedes ? [{ id, before: supersedes }] : []));
  while (links.length > 0) {
    const rows = await org.tx
      .select({ id: approvals.id, payload: approvals.payload, supersedes: approvals.supersedes })
      .from(approvals)
      .where(
        and(
          eq(approvals.orgId, org.id),
          inArray(
            approvals.id,
            links.map(({ before }) => before),
          ),
        ),
      );
    links = links.flatMap(({ id, before }) => {
      const row = rows.find((one) => one.id === before);
      if (row) originals.set(id, row.payload);
      return row?.supersedes ? [{ id, before: row.supersedes }] : [];
    });
  }
  return originals;
}

/** The approval that took each one's place, by the id of the old one. */
async function successorsOf(org: Org, all: readonly Approval[]): Promise<Map<string, string>> {
  const ids = all.filter(({ status }) => status === 'superseded').map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const rows = await org.tx
    .select({ id: approvals.id, supersedes: approvals.supersedes })
    .from(approvals)
    .where(and(eq(approvals.orgId, org.id), inArray(approvals.supersedes, ids)));
  return new Map(rows.flatMap(({ id, supersedes }) => (supersedes ? [[supersedes, id]] : [])));
}
