import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseKeyRing } from '#core/keys.ts';
import { verifyAudit } from '#db/audit.ts';
import { erpConnection, startErp, type Erp } from '#test/fakes/erp.ts';
import { startTestProduct, type TestProduct } from '#test/setup/product.ts';

const model = new LLMock({ port: 0 });
let erp: Erp;
let it: TestProduct;

beforeAll(async () => {
  erp = await startErp({ honoursKey: true });
  const call = { name: 'erp_createInvoice', arguments: '{"number":"INV-77","amount":4200,"currency":"EUR"}' };
  model.addFixture({
    match: { userMessage: 'INV-77', hasToolResult: false },
    response: { content: 'I will post it.', toolCalls: [call] },
  });
  model.addFixture({ match: { userMessage: 'INV-77', hasToolResult: true }, response: { content: 'The ERP has it.' } });
  await model.start();
  it = await startTestProduct({
    ABETWORKS_EGRESS_ALLOW: erp.hostPort,
    ABETWORKS_MODEL: 'anthropic/claude-haiku-4-5',
    ANTHROPIC_API_KEY: 'test-key',
    ANTHROPIC_BASE_URL: model.url,
  });
});
afterAll(async () => {
  await it?.stop();
  await model.stop();
  await erp?.stop();
});

test('"post invoice INV-77" shows the exact payload, refuses the requester, runs once after a colleague approves, and answers with a receipt', async () => {
  await it.ana.post('/api/v1/connections', erpConnection(erp));
  const bo = await it.join('Bo', 'admin');
  const { runId, threadId } = await it.ask(it.ana, 'post invoice INV-77 over 4200 EUR to the ERP');

  const approval = await it.approvalOf(it.ana, runId);
  expect(approval.payload).toMatchObject({
    tool: 'erp_createInvoice',
    arguments: { number: 'INV-77', amount: 4200, currency: 'EUR' },
    request: { method: 'POST', url: `${erp.url}/invoices`, body: '{"number":"INV-77","amount":4200,"currency":"EUR"}' },
  });
  expect(erp.posts()).toHaveLength(0);

  const decision = { decision: 'approve', payloadSha256: approval.payloadSha256 };
  const own = await it.ana.post(`/api/v1/approvals/${approval.id}/decision`, decision);
  expect(own).toMatchObject({ status: 403, body: { detail: expect.stringContaining('someone else has to decide') } });
  const decided = await bo.post(`/api/v1/approvals/${approval.id}/decision`, decision);
  expect(decided).toMatchObject({ status: 200, body: { status: 'approved' } });

  await it.runIs(it.ana, runId, 'done');
  expect(erp.posts()).toHaveLength(1);
  expect(erp.posts()[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  expect(erp.posts()[0]?.headers.authorization).toBe('Bearer erp-secret-canary-9f3a');
  const messages = await it.messagesOf(it.ana, threadId);
  expect(messages.at(-1)).toMatchObject({ role: 'assistant', text: expect.stringContaining('id ERP-1001') });

  const { body: run } = await it.ana.get(`/api/v1/runs/${runId}`);
  const verdict = await it.db.withSystem('verify the audit', async (tx) => {
    const { rows } = { rows: await tx.execute<{ id: string }>('select id from orgs') };
    return verifyAudit(tx, rows[0]?.id ?? '', parseKeyRing(it.env['ABETWORKS_KEYS'] ?? ''));
  });
  expect(verdict).toMatchObject({ badSeq: null });
  expect(verdict.rows).toBeGreaterThan(5);
  expect(run).toMatchObject({ effects: [{ state: 'confirmed', externalId: 'ERP-1001' }] });
});
