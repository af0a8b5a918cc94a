import canonicalize from 'canonicalize';
import { approvalCard, effectQuestion, receiptLine, replyMessage, WEB_BUDGET } from '#activities/chat/render/index.ts';
import { reviseCall } from '#activities/index.ts';
import type { Outgoing } from '#core/chat.ts';
import { sha256 } from '#core/hash.ts';
import { newId } from '#core/ids.ts';
import type { JsonObject } from '#core/tools.ts';
import * as s from '#db/schema/index.ts';
import { createClient } from '#workflows/client/create.ts';
import type { Client } from '#workflows/client.ts';
import { createWorld, inOrg, type Person, type World } from './world.ts';

/** A world whose client is the real one over the world's database; only Temporal is away. */
export async function createStoryWorld(
  env: Record<string, string> = {},
  replaced: Partial<Client> = {},
): Promise<World> {
  let real: Client | undefined;
  const client = (): Client => {
    if (!real) throw new Error('the world is not ready');
    return { ...real, ...replaced };
  };
  const world = await createWorld(
    {
      receive: (...input) => client().receive(...input),
      note: (...input) => client().note(...input),
      findActor: (...input) => client().findActor(...input),
      isInThread: (...input) => client().isInThread(...input),
      decideOnCard: (...input) => client().decideOnCard(...input),
      stopThread: (...input) => client().stopThread(...input),
      openHome: (...input) => client().openHome(...input),
      decide: (...input) => client().decide(...input),
      editApproval: (...input) => client().editApproval(...input),
      stop: (...input) => client().stop(...input),
      resolveEffect: (...input) => client().resolveEffect(...input),
      fetchDocument: (...input) => client().fetchDocument(...input),
      listModules: (...input) => client().listModules(...input),
      testConnection: (...input) => client().testConnection(...input),
      isAlive: () => client().isAlive(),
    },
    env,
  );
  real = createClient({
    db: world.deps.db,
    engine: quietEngine,
    log: world.deps.log,
    keys: world.deps.keys,
    revise: reviseCall,
  });
  return world;
}

const quietEngine = {
  start: async () => {},
  wake: async () => {},
  cancel: async () => {},
  look: async () => ({ state: 'open' as const }),
  ask: async () => {},
  openHome: async () => {},
  isAlive: async () => true,
};

/** Posts a form as a browser does. */
export const postForm = (world: World, cookie: string, path: string, fields: Record<string, string>, headers = {}) =>
  world.call(path, {
    method: 'POST',
    body: new URLSearchParams(fields).toString(),
    headers: {
      cookie,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
  });

export interface Story {
  threadId: string;
  runId: string;
  approvalId: string;
  payloadSha256: string;
  effectId: string | null;
}

/** A web thread in which somebody asked for a write that waits; with `end`, one that was done, or is unclear. */
export async function addStory(
  world: World,
  by: Person,
  {
    text = 'Create invoice INV-77 over 1200 for Acme',
    args = { number: 'INV-77', customer: 'Acme GmbH', amount: 1200, currency: 'EUR' },
    summary = 'Create invoice INV-77 in ERP (POST /invoices)',
    requesterMayDecide = false,
    end = 'waiting',
    origins = [],
    reply = 'The invoice is there. **INV-77** over 1200 EUR for [Acme](https://erp.example.com/invoices/42).',
  }: {
    text?: string;
    args?: JsonObject;
    summary?: string;
    requesterMayDecide?: boolean;
    end?: 'waiting' | 'done' | 'ambiguous';
    origins?: { path: string; origin: string }[];
    reply?: string;
  } = {},
): Promise<Story> {
  const { orgId, memberId } = by;
  const [threadId, runId, approvalId, messageId, readId, toolCallId, effectId] = Array.from({ length: 7 }, () =>
    newId(),
  ) as [string, string, string, string, string, string, string];
  const payload =
    canonicalize({
      v: 1,
      tool: 'erp_createInvoice',
      connection: { id: newId(), name: 'ERP', settingsVersion: 1 },
      request: {
        method: 'POST',
        url: 'https://erp.example.com/api/invoices',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(args),
      },
      arguments: args,
      attachments: [],
      schemaSha256: sha256('schema'),
      policyVersion: 1,
    }) ?? '';
  const bound = { tool: 'erp_createInvoice', summary, payload, payloadSha256: sha256(payload) };
  const ago = (seconds: number): Date => new Date(Date.now() - seconds * 1000);
  const isOver = end !== 'waiting';
  const approval = {
    ...bound,
    id: approvalId,
    orgId,
    runId,
    threadId,
    toolCallId,
    requestedBy: memberId,
    policy: { version: 1, roles: ['owner' as const, 'admin' as const], members: [], requesterMayDecide },
    reason: 'The policy of this org wants a person to approve writes.',
    origins,
    expiresAt: new Date(Date.now() + 20 * 3_600_000),
    ...(isOver
      ? { status: 'approved' as const, decidedBy: memberId, decidedAt: ago(20), comment: 'Matches the order' }
      : {}),
    createdAt: ago(40),
  };
  await inOrg(world, orgId, async ({ tx }) => {
    await tx.insert(s.threads).values({
      id: threadId,
      orgId,
      platform: 'web',
      tenant: orgId,
      channel: 'web',
      thread: threadId,
      title: text,
      createdBy: memberId,
      lastSeq: 1,
      lastRunNumber: 1,
      updatedAt: new Date(),
    });
    await tx
      .insert(s.messages)
      .values({ id: messageId, orgId, threadId, seq: 1, role: 'user', text, memberId, runId, createdAt: ago(60) });
    await tx.insert(s.runs).values({
      id: runId,
      orgId,
      threadId,
      messageId,
      number: 1,
      seq: 1,
      requestedBy: memberId,
      nextStartAt: new Date(),
      createdAt: ago(60),
      machineMs: 5_400,
      ...(end === 'done'
        ? { status: 'done', endedAt: ago(15) }
        : {
            status: 'waiting',
            statusText:
              end === 'waiting'
                ? `Waits for approval of erp_createInvoice: ${summary}`
                : 'Waits for an answer: was it sent?',
          }),
    });
    const model = { orgId, runId, provider: 'anthropic', model: 'claude-haiku-5-5', reservedNanos: 0 };
    await tx.insert(s.modelCalls).values([
      {
        ...model,
        turnNumber: 1,
        status: 'done',
        inputTokens: 1840,
        cachedInputTokens: 1200,
        outputTokens: 96,
        costNanos: 2_300_000,
        requestId: 'req_01',
        createdAt: ago(59),
        endedAt: ago(56),
      },
      {
        ...model,
        turnNumber: 2,
        status: 'failed',
        costNanos: null,
        error: 'Overloaded',
        createdAt: ago(55),
        endedAt: ago(54),
      },
    ]);
    const call = { orgId, runId, turnNumber: 1, createdAt: ago(55), startedAt: ago(55) };
    await tx.insert(s.toolCalls).values([
      {
        ...call,
        id: readId,
        callNumber: 1,
        tool: 'erp_listInvoices',
        effect: 'read',
        input: '{"customer":"Acme GmbH"}',
        status: 'done',
        result: '[{"number":"INV-76"}]',
        outside: 'answer of ERP',
        endedAt: ago(52),
      },
      {
        ...call,
        id: toolCallId,
        callNumber: 2,
        tool: bound.tool,
        effect: 'write',
        input: JSON.stringify(args),
        payload,
        payloadSha256: bound.payloadSha256,
        needsApproval: true,
        approvalId,
        status: isOver ? 'done' : 'proposed',
        endedAt: isOver ? ago(18) : null,
      },
    ]);
    await tx.insert(s.approvals).values(approval);
    const effect = {
      ...bound,
      id: effectId,
      orgId,
      runId,
      turnNumber: 1,
      callNumber: 2,
      toolCallId,
      approvalId,
      attempts: 1,
    };
    if (end === 'done')
      await tx
        .insert(s.effects)
        .values({ ...effect, state: 'confirmed', externalId: '42', receipt: '{"id":42}', confirmedAt: ago(16) });
    if (end === 'ambiguous')
      await tx
        .insert(s.effects)
        .values({ ...effect, state: 'ambiguous', error: 'The connection was reset after the request was written.' });
    const post = (key: string, content: Outgoing, seconds: number) =>
      tx.insert(s.webPosts).values({ orgId, threadId, key, content, createdAt: ago(seconds) });
    const card = approvalCard({
      ...approval,
      status: 'pending',
      payloadText: payload,
      requestedByName: 'x',
      requesterMayDecide,
      newcomers: [],
      editedByNames: [],
      originalPayloadText: null,
      decidedByName: null,
      decidedAt: null,
      comment: null,
      budget: WEB_BUDGET,
      panelUrl: null,
    });
    await post(`approval:${approvalId}`, card, 40);
    if (end === 'ambiguous')
      await post(`effect:${effectId}`, effectQuestion({ id: effectId, summary, externalId: null }), 14);
    if (end === 'done')
      await post(
        `reply:${runId}`,
        replyMessage({
          key: `reply:${runId}`,
          text: reply,
          suggestions: ['Show the open invoices', 'Send it to Acme'],
          receipts: [receiptLine({ summary, externalId: '42' })],
          runId,
        }),
        14,
      );
  });
  return {
    threadId,
    runId,
    approvalId,
    payloadSha256: bound.payloadSha256,
    effectId: end === 'waiting' ? null : effectId,
  };
}
