import { eq } from 'drizzle-orm';
import { bindCall } from '#activities/turn/propose.ts';
import { findConnector, toolsOf } from '#activities/integrations/index.ts';
import { sha256 } from '#core/hash.ts';
import { defaultPolicy } from '#core/policy.ts';
import type { JsonObject } from '#core/tools.ts';
import { addConnection, type Connection } from '#db/connections.ts';
import { approvals, effects, toolCalls } from '#db/schema/index.ts';
import { addRows, type Rows } from './rows.ts';
import { inOrg, type Person, type World } from './world.ts';

export const INVOICE = { number: 'INV-77', amount: 4200, currency: 'EUR' };

/** An ERP that nobody ever calls: what an invoice may hold shows every kind of argument. */
export const addErp = (world: World, by: Person, name = 'ERP'): Promise<Connection> =>
  inOrg(world, by.orgId, async (org) => {
    const settings = await findConnector('rest').compile({
      baseUrl: 'https://erp.example.com',
      openapi: {
        openapi: '3.1.0',
        info: { title: name, version: '1' },
        paths: { '/invoices': { post: { operationId: 'createInvoice', requestBody: BODY, responses: {} } } },
      },
    });
    return addConnection(
      org,
      world.deps.keys,
      { connector: 'rest', name, slug: name.toLowerCase(), settings, visibility: 'org', ownerMemberId: by.memberId },
      { type: 'none' },
    );
  });

const BODY = {
  required: true,
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['number', 'amount', 'currency'],
        additionalProperties: false,
        properties: {
          number: { type: 'string', maxLength: 40 },
          amount: { type: 'number', minimum: 0 },
          currency: { type: 'string', enum: ['EUR', 'USD', 'CHF'] },
          note: { type: 'string' },
          isUrgent: { type: 'boolean' },
          tags: { type: 'array', items: { type: 'string' } },
          customer: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, vat: { type: ['string', 'null'] } },
          },
          lines: {
            type: 'array',
            items: { type: 'object', properties: { text: { type: 'string' }, net: { type: 'number' } } },
          },
        },
      },
    },
  },
};

export type Asked = Rows & { toolCallId: string };

/** A request that waits to create an invoice there; with `beside`, in the thread of another one. */
export async function addAsked(
  world: World,
  by: Person,
  erp: Connection,
  { args = INVOICE, beside, isAlone = false }: { args?: JsonObject; beside?: Asked; isAlone?: boolean } = {},
): Promise<Asked> {
  const rows = await addRows(world, by, { policy: { requesterMayDecide: isAlone } });
  const [tool] = toolsOf(erp);
  if (!tool) throw new Error('the ERP has no tools');
  const { text } = bindCall(
    { kind: 'action', name: tool.toolName, action: tool.action, connection: erp },
    args,
    defaultPolicy(),
  );
  const bound = { tool: tool.toolName, payload: text, payloadSha256: sha256(text) };
  const toolCallId = await inOrg(world, by.orgId, async ({ tx }) => {
    await tx.delete(effects).where(eq(effects.id, rows.effectId));
    const [call] = await tx
      .update(toolCalls)
      .set({
        ...bound,
        input: JSON.stringify(args),
        effect: 'write',
        connectionId: erp.id,
        needsApproval: true,
        approvalId: rows.approvalId,
      })
      .where(eq(toolCalls.runId, rows.runId))
      .returning();
    await tx
      .update(approvals)
      .set({ ...bound, summary: tool.action.preview(args), ...(beside ? { threadId: beside.threadId } : {}) })
      .where(eq(approvals.id, rows.approvalId));
    return call?.id ?? '';
  });
  return { ...rows, toolCallId, payloadSha256: bound.payloadSha256, threadId: beside?.threadId ?? rows.threadId };
}
