import canonicalize from 'canonicalize';
import { sha256 } from '#core/hash.ts';
import { newId } from '#core/ids.ts';
import type { Payload } from '#core/tools.ts';
import { addConnection } from '#db/connections.ts';
import { approvals, effects, messages, runs, threads, toolCalls, type ApprovalPolicy } from '#db/schema/index.ts';
import { inOrg, type Person, type World } from './world.ts';

/** What a request leaves behind, without a worker: a thread, its message, a run that waits, its approval and its effect. */
export interface Rows {
  threadId: string;
  runId: string;
  approvalId: string;
  effectId: string;
  payloadSha256: string;
}

export async function addRows(
  world: World,
  by: Person,
  { policy, place }: { policy?: Partial<ApprovalPolicy>; place?: { platform: 'slack' | 'web'; channel: string } } = {},
): Promise<Rows> {
  const rows = { threadId: newId(), runId: newId(), approvalId: newId(), effectId: newId() };
  const [messageId, toolCallId, orgId] = [newId(), newId(), by.orgId];
  const payload: Payload = {
    v: 1,
    tool: 'erp_createInvoice',
    connection: null,
    request: null,
    arguments: { number: rows.runId },
    attachments: [],
    schemaSha256: sha256(''),
    policyVersion: 1,
  };
  const text = canonicalize(payload) ?? '';
  const bound = { tool: payload.tool, summary: 'Create an invoice', payload: text, payloadSha256: sha256(text) };
  await inOrg(world, orgId, async ({ tx }) => {
    const { platform, channel } = place ?? { platform: 'web', channel: 'web' };
    await tx.insert(threads).values({
      id: rows.threadId,
      orgId,
      platform,
      tenant: orgId,
      channel,
      thread: rows.threadId,
      title: 'A thread',
      isDirect: channel.startsWith('D'),
      createdBy: by.memberId,
      lastSeq: 1,
      updatedAt: new Date(),
    });
    await tx.insert(messages).values({
      id: messageId,
      orgId,
      threadId: rows.threadId,
      seq: 1,
      role: 'user',
      text: 'post invoice INV-77',
      memberId: by.memberId,
    });
    await tx.insert(runs).values({
      id: rows.runId,
      orgId,
      threadId: rows.threadId,
      messageId,
      number: 1,
      seq: 1,
      requestedBy: by.memberId,
      status: 'waiting',
      nextStartAt: new Date(),
    });
    await tx.insert(toolCalls).values({
      id: toolCallId,
      orgId,
      runId: rows.runId,
      turnNumber: 1,
      callNumber: 1,
      tool: payload.tool,
      input: '{}',
      status: 'proposed',
    });
    await tx.insert(approvals).values({
      ...bound,
      id: rows.approvalId,
      orgId,
      runId: rows.runId,
      threadId: rows.threadId,
      toolCallId,
      requestedBy: by.memberId,
      policy: { version: 1, roles: ['owner', 'admin'], members: [], requesterMayDecide: false, ...policy },
      reason: 'It writes.',
      expiresAt: new Date(Date.now() + 3_600_000),
    });
    await tx.insert(effects).values({
      ...bound,
      id: rows.effectId,
      orgId,
      runId: rows.runId,
      turnNumber: 1,
      callNumber: 1,
      toolCallId,
      approvalId: rows.approvalId,
      state: 'ambiguous',
    });
  });
  return { ...rows, payloadSha256: bound.payloadSha256 };
}

export const addCalculator = async (world: World, by: Person, name = 'Sums'): Promise<string> => {
  const wanted = { connector: 'calculator', name, slug: name.toLowerCase(), settings: {}, ownerMemberId: by.memberId };
  return (
    await inOrg(world, by.orgId, (org) =>
      addConnection(org, world.deps.keys, wanted, { secret: 'plain-text-credential' }),
    )
  ).id;
};
