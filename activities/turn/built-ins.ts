import { and, desc, eq } from 'drizzle-orm';
import { can } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import type { Run } from '#db/runs.ts';
import { approvals, members, messages, runs } from '#db/schema/index.ts';
import { cut } from '#core/text.ts';

/** What anyone may ask about their own requests. Read only, no arguments. */
export interface BuiltIn {
  name: string;
  description: string;
  /** `outside`: the origin, when the answer quotes somebody else's request or one that has read outside text (RULES T1). */
  answer(org: Org, run: Run): Promise<{ text: string; outside: string | null }>;
}

const ours = (text: string) => ({ text, outside: null });

export const BUILT_INS: readonly BuiltIn[] = [
  {
    name: 'abetworks_status',
    description: 'Status of your latest requests.',
    answer: async (org, run) => {
      const rows = await org.tx
        .select({
          id: runs.id,
          status: runs.status,
          statusText: runs.statusText,
          taint: runs.taint,
          text: messages.text,
        })
        .from(runs)
        .innerJoin(messages, and(eq(messages.orgId, runs.orgId), eq(messages.id, runs.messageId)))
        .where(and(eq(runs.orgId, org.id), eq(runs.requestedBy, run.requestedBy)))
        .orderBy(desc(runs.createdAt))
        .limit(11);
      // What a running one says about itself may quote the other side; how it waits or ended does not.
      const others = rows
        .filter((row) => row.id !== run.id)
        .map((row) => ({ ...row, statusText: row.status === 'running' ? null : row.statusText }));
      if (others.length === 0) return ours('Nothing else is running or has run for you.');
      const lines = others.map(
        (row) => `- ${row.status}: "${cut(row.text, 80)}"${row.statusText ? ` (${row.statusText})` : ''}`,
      );
      return { text: lines.join('\n'), outside: others.find((row) => row.statusText && row.taint)?.taint ?? null };
    },
  },
  {
    name: 'abetworks_approvals',
    description: 'Approvals that wait for a decision.',
    answer: async (org, run) => {
      const [asker] = await org.tx
        .select({ role: members.role })
        .from(members)
        .where(and(eq(members.orgId, org.id), eq(members.id, run.requestedBy)));
      const pending = await org.tx
        .select({
          summary: approvals.summary,
          requestedBy: approvals.requestedBy,
          policy: approvals.policy,
          taint: runs.taint,
        })
        .from(approvals)
        .innerJoin(runs, and(eq(runs.orgId, approvals.orgId), eq(runs.id, approvals.runId)))
        .where(and(eq(approvals.orgId, org.id), eq(approvals.status, 'pending')))
        .orderBy(desc(approvals.createdAt))
        .limit(50);
      const role = asker?.role ?? 'viewer';
      const shown = pending.filter(
        ({ requestedBy, policy }) =>
          requestedBy === run.requestedBy ||
          can(role, 'approval.readAll') ||
          policy.members.includes(run.requestedBy) ||
          policy.roles.includes(role),
      );
      if (shown.length === 0) return ours('No approval waits for a decision.');
      const lines = shown.map(
        (row) => `- ${row.summary}${row.requestedBy === run.requestedBy ? ' (you asked: someone else decides)' : ''}`,
      );
      const isOthers = shown.some((row) => row.requestedBy !== run.requestedBy);
      return {
        text: lines.join('\n'),
        outside: shown.find((row) => row.taint)?.taint ?? (isOthers ? 'requests of other people' : null),
      };
    },
  },
];
