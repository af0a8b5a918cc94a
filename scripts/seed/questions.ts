import type { Actor } from '#core/roles.ts';
import { auditActions, listAuditPage } from '#db/audit-list.ts';
import type { Database, Org } from '#db/client.ts';
import { listEffects } from '#db/effect-list.ts';
import { listApprovals, listThreads } from '#db/lists.ts';
import { countPending, readInbox, readRunList, readRunView } from '#db/views/index.ts';

/** What the panel and the API ask of the large tables, by what a person would call it. */
export interface Question {
  name: string;
  ask(db: Database): Promise<unknown>;
}

export interface Known {
  admin: Actor;
  member: Actor;
  /** A run, an effect's outside id and a target that are there. */
  runId: string;
  externalId: string;
  targetId: string;
  /** A moment in the middle of all runs. */
  middle: Date;
}

const PAGE = { limit: 30 };

export function questionsOf({ admin, member, runId, externalId, targetId, middle }: Known): Question[] {
  const within = (name: string, fn: (org: Org) => Promise<unknown>, actor = admin): Question => ({
    name,
    ask: (db) => db.withOrg(actor.orgId, fn),
  });
  const runs = (name: string, query: Parameters<typeof readRunList>[2], actor = admin): Question => ({
    name: `runs: ${name}`,
    ask: (db) => readRunList(db, actor, query),
  });
  const day = { from: middle, to: new Date(middle.getTime() + 86_400_000) };
  return [
    runs('all', PAGE),
    runs('a member’s own', PAGE, member),
    runs('failed', { ...PAGE, status: 'failed' }),
    runs('waiting, of which there are none', { ...PAGE, status: 'waiting' }),
    runs('of a person', { ...PAGE, requestedBy: member.memberId }),
    runs('of a person, failed', { ...PAGE, requestedBy: member.memberId, status: 'failed' }),
    runs('from Discord', { ...PAGE, platform: 'discord' }),
    runs('of a day, from Slack, failed', { ...PAGE, ...day, platform: 'slack', status: 'failed' }),
    runs('before the middle', { ...PAGE, to: middle }),
    runs('search, a common word', { ...PAGE, q: 'invoice' }),
    runs('search, a rare word', { ...PAGE, q: 'zebra7' }),
    runs('search, an absent word', { ...PAGE, q: 'nowhere' }),
    runs('search, two words', { ...PAGE, q: 'invoice finance' }),
    runs('search, a number', { ...PAGE, q: 'INV-777' }),
    runs('search, a phrase and a status', { ...PAGE, q: '"book travel"', status: 'failed' }),
    runs('search by a member, a common word', { ...PAGE, q: 'invoice' }, member),
    runs('search by a member, a rare word', { ...PAGE, q: 'zebra7' }, member),
    within('one run', (org) => readRunView(org, admin, runId)),
    within('effects: all', (org) => listEffects(org, admin, PAGE)),
    within('effects: a member’s', (org) => listEffects(org, member, PAGE), member),
    within('effects: refused', (org) => listEffects(org, admin, { ...PAGE, state: 'refused' })),
    within('effects: of a tool', (org) => listEffects(org, admin, { ...PAGE, tool: 'erp_createInvoice' })),
    within('effects: of a tool that has none', (org) => listEffects(org, admin, { ...PAGE, tool: 'none' })),
    within('effects: by outside id', (org) => listEffects(org, admin, { ...PAGE, externalId })),
    within('effects: of a day', (org) => listEffects(org, admin, { ...PAGE, ...day })),
    within('effects: of a run', (org) => listEffects(org, admin, { ...PAGE, runId })),
    within('approvals: inbox', (org) => readInbox(org, admin)),
    within('approvals: a member’s inbox', (org) => readInbox(org, member), member),
    within('approvals: all', (org) => listApprovals(org, admin, PAGE)),
    within('approvals: a member’s', (org) => listApprovals(org, member, PAGE), member),
    within('approvals: how many wait', (org) => countPending(org, member), member),
    within('threads: all', (org) => listThreads(org, admin, PAGE)),
    within('threads: a member’s', (org) => listThreads(org, member, PAGE), member),
    within('audit: all', (org) => listAuditPage(org, PAGE)),
    within('audit: of a person', (org) => listAuditPage(org, { ...PAGE, actor: member.memberId })),
    within('audit: of an action', (org) => listAuditPage(org, { ...PAGE, action: 'approval.decided' })),
    within('audit: of a person and an action', (org) =>
      listAuditPage(org, { ...PAGE, actor: member.memberId, action: 'approval.decided' }),
    ),
    within('audit: of a person and an action they never did', (org) =>
      listAuditPage(org, { ...PAGE, actor: member.memberId, action: 'org.created' }),
    ),
    within('audit: of a target', (org) => listAuditPage(org, { ...PAGE, targetId })),
    within('audit: of a day', (org) => listAuditPage(org, { ...PAGE, ...day })),
    within('audit: of a day, an action', (org) => listAuditPage(org, { ...PAGE, ...day, action: 'effect.confirmed' })),
    within('audit: its actions', (org) => auditActions(org)),
  ];
}

/** Rows of the seeded org to ask about, read past row-level security's door as its owner. */
export async function knownOf(db: Database, orgId: string, [owner, person]: [string, string]): Promise<Known> {
  const admin: Actor = { orgId, memberId: owner, role: 'owner' };
  return db.withOrg(orgId, async (org) => {
    const [effect] = (await listEffects(org, admin, { limit: 1 })).items;
    const audit = (await listAuditPage(org, { limit: 100 })).items;
    if (!effect) throw new Error('no effects were seeded');
    return {
      admin,
      member: { orgId, memberId: person, role: 'member' },
      runId: effect.runId,
      externalId: effect.externalId ?? '',
      targetId: audit.at(-1)?.targetId ?? '',
      middle: new Date(effect.createdAt.getTime() - 350 * 86_400_000),
    };
  });
}
