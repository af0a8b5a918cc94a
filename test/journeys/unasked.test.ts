import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCompany, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';
import { workflowIdOf } from '#workflows/names.ts';

let it: Company;
let temporal: Connection;

beforeAll(async () => {
  it = await startCompany();
  temporal = await Connection.connect({ address: it.temporal.address });
  await it.sql`update orgs set policy = policy || '{"write": "run", "destructive": "approve"}' where is_first`;
  const voiding = {
    name: 'voidInvoice',
    description: 'Void an invoice',
    method: 'DELETE',
    path: '/invoices/{number}',
    effect: 'destructive',
    input: { type: 'object', properties: { number: { type: 'string' } }, required: ['number'] },
  };
  const settings = { baseUrl: it.erp.url, actions: [voiding] };
  const made = await it.ana.post('/api/v1/connections', {
    connector: 'rest',
    name: 'Books',
    settings,
    credential: { type: 'none' },
  });
  if (made.status !== 201) throw new Error(`not connected: ${JSON.stringify(made.body)}`);
});
afterAll(async () => {
  await temporal?.close();
  await it?.stop();
});

async function wake(runId: string): Promise<void> {
  const [run] = await it.sql`select org_id from runs where id = ${runId}`;
  const id = workflowIdOf({ orgId: run?.['org_id'], runId });
  await new Client({ connection: temporal }).workflow.getHandle(id).signal('wake');
}

test('E3 a deletion that the database is made to call a write that needs nobody is still asked about, and not sent', async () => {
  const { runId } = await it.ask(it.ana, 'books_voidInvoice {"number":"INV-1"}');
  const approval = await it.approvalOf(it.ana, runId);
  await it.sql`update tool_calls set effect = 'write', needs_approval = false, approval_id = null where run_id = ${runId}`;
  expect((await it.decide(it.bo, approval, 'deny')).status).toBe(200);
  // Nothing leads from the decision to the run any more; it would look again by itself in some minutes.
  await wake(runId);
  const again = await until('it is asked again', async () => {
    const { body } = await it.ana.get('/api/v1/approvals?status=pending');
    return body.items.find((one: { runId: string }) => one.runId === runId);
  });
  expect(again.id).not.toBe(approval.id);
  expect(it.erp.received.filter(({ method }) => method === 'DELETE')).toEqual([]);
});
