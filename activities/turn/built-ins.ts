import { and, desc, eq } from 'drizzle-orm';
import { can } from '#core/roles.ts';
import type { Org } from '#db/client.ts';
import type { Run } from '#db/runs.ts';
import { approvals, members, messages, runs } from '#db/schema/index.ts';
import { cut } from '#core/text.ts';

/** What anyone may ask about their own requests. Read only, no arguments; the answer is ours, so it taints nothing. */
export interface BuiltIn {
  name: string;
  description: string;
  answer(org: Org, run: Run): Promise<string>;
}

export const BUILT_INS: readonly BuiltIn[] = [
  {
    name: 'abetworks_status',
    description: 'Status of your latest requests.',
    answer: async (org, run) => {
      const rows = await org.tx
        .select({ id: runs.id, status: runs.status, statusText: runs.statusText, text: messages.text })
        .from(runs)
        .innerJoin(messages, and(eq(messages.orgId, runs.orgId), eq(messages.id, runs.messageId)))
        .where(and(eq(runs.orgId, org.id), eq(runs.requestedBy, run.requestedBy)))
        .orderBy(desc(runs.createdAt))
        .limit(11);
      const others = rows.filter((row) => row.id !== run.id);
      if (others.length === 0) return 'Nothing else is running or has run for you.';
      return others.map((row) => `- ${row.status}: "${cut(row.text, 80)}"${row.statusText ? ` (${row.statusText})` : ''}`).join('\n');
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
        .select()
        .from(approvals)
        .where(and(eq(approvals.orgId, org.id), eq(approvals.status, 'pending')))
        .orderBy(desc(approvals.createdAt))
        .limit(50);
      const role = asker?.role ?? 'viewer';
      const shown = pending.filter(
        ({ requestedBy, policy }) =>
          requestedBy === run.requestedBy || can(role, 'approval.readAll') || policy.members.includes(run.requestedBy) || policy.roles.includes(role),
      );
      if (shown.length === 0) return 'No approval waits for a decision.';
      return shown.map((row) => `- ${row.summary}${row.requestedBy === run.requestedBy ? ' (you asked: someone else decides)' : ''}`).join('\n');
    },
  },
];
