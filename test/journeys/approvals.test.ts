import { Client, Connection } from '@temporalio/client';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '#core/hash.ts';
import { erpConnection } from '#test/fakes/erp.ts';
import { createApi } from '#test/setup/api.ts';
import { postsOf, startCompany, type Colleague, type Company } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';
import { workflowIdOf } from '#workflows/names.ts';

let it: Company;
let cy: Colleague;
let temporal: Connection;

beforeAll(async () => {
  it = await startCompany();
  cy = await it.join('Cy', 'member');
  temporal = await Connection.connect({ address: it.temporal.address });
});
afterAll(async () => {
  await temporal?.close();
  await it?.stop();
});

const statusOf = async (approvalId: string): Promise<unknown> =>
  (await it.ana.get(`/api/v1/approvals/${approvalId}`)).body.status;
const setPolicy = (change: object) =>
  it.sql`update orgs set policy = policy || ${it.sql.json(change as never)} where is_first`;
const wake = async (runId: string): Promise<void> => {
  const [run] = await it.sql`select org_id from runs where id = ${runId}`;
  await new Client({ connection: temporal }).workflow
    .getHandle(workflowIdOf({ orgId: run?.['org_id'], runId }))
    .signal('wake');
};

test('A1 what is asked is the canonical text of everything that would run, and the card is drawn from it', async () => {
  const { runId, approval } = await it.propose('INV-1');
  const payloadText = String(approval['payloadText']);
  expect(sha256(payloadText)).toBe(approval.payloadSha256);
  expect(canonicalize(JSON.parse(payloadText))).toBe(payloadText);
  expect(approval.payload).toMatchObject({
    tool: 'erp_createInvoice',
    connection: { name: 'ERP', settingsVersion: 1 },
    request: { method: 'POST', url: `${it.erp.url}/invoices` },
    arguments: { number: 'INV-1', amount: 4200, currency: 'EUR' },
    schemaSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    policyVersion: 1,
  });
  const [card] = await until('the card is posted', async () => {
    const rows =
      await it.sql`select c.payload_sha256, p.content from approval_cards c join web_posts p on p.id::text = c.message where c.approval_id = ${approval.id}`;
    return rows.length > 0 && rows;
  });
  expect(card?.['payload_sha256']).toBe(approval.payloadSha256);
  for (const said of ['INV-1', '4200', 'EUR', it.erp.hostPort])
    expect(JSON.stringify(card?.['content'])).toContain(said);
  await it.decide(it.bo, approval);
  await it.runIs(it.ana, runId, 'done');
  expect(postsOf(it.erp, 'INV-1')).toMatchObject([{ body: JSON.parse(payloadText).request.body }]);
});

test('A2 a decision on another payload, in another org or without a session is refused, and the right one still counts', async () => {
  const { runId, approval } = await it.propose('INV-2');
  const other = { ...approval, payloadSha256: sha256('something else') };
  expect(await it.decide(it.bo, other)).toMatchObject({ status: 409, body: { reason: 'changed' } });
  expect((await it.decide(await it.stranger(), approval)).status).toBe(404);
  expect((await it.decide(createApi(it.url, 'abw_nobodys_key_0123456789'), approval)).status).toBe(401);
  expect(await statusOf(approval.id)).toBe('pending');
  expect((await it.decide(it.bo, approval)).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
});

test('A3 a member decides when the policy names them or their role, and no sooner; a viewer never does', async () => {
  const vi = await it.join('Vi', 'viewer');
  const first = await it.propose('INV-3');
  expect(await it.decide(cy, first.approval)).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('member') },
  });
  // The policy of the time it was asked counts.
  await setPolicy({ approverMembers: [cy.memberId, vi.memberId], approverRoles: ['owner', 'viewer'] });
  expect((await it.decide(cy, first.approval)).status).toBe(403);
  const second = await it.propose('INV-31');
  expect((await it.decide(vi, second.approval)).status).toBe(403);
  // An admin, where the policy wants owners.
  expect((await it.decide(it.bo, second.approval)).status).toBe(403);
  expect((await it.decide(cy, second.approval)).status).toBe(200);
  await setPolicy({ approverMembers: [], approverRoles: ['member'] });
  const third = await it.propose('INV-32');
  expect((await it.decide(cy, third.approval)).status).toBe(200);
  await setPolicy({ approverRoles: ['owner', 'admin'] });
  await it.runIs(it.ana, third.runId, 'done');
  expect(await it.audited('approval.approved', third.approval.id)).toMatchObject([
    { details: expect.stringContaining('"newMember":true') },
  ]);
});

test('A3 nobody decides their own request, be they an owner, nor by a key they made for a colleague', async () => {
  const { approval } = await it.propose('INV-4');
  expect(await it.decide(it.ana, approval)).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('someone else has to decide') },
  });
  await it.sql`update api_keys set created_by = ${String(approval['requestedBy'])} where member_id = ${it.bo.memberId}`;
  const byKey = await it.decide(it.bo, approval);
  await it.sql`update api_keys set created_by = member_id`;
  expect(byKey).toMatchObject({
    status: 403,
    body: { detail: expect.stringContaining('made by the person who asked') },
  });
  const { body } = await it.bo.post('/api/v1/api-keys', { name: 'reader', scope: 'read' });
  expect((await it.decide(createApi(it.url, body.key), approval)).status).toBe(403);
  expect(await statusOf(approval.id)).toBe('pending');
  expect(await it.audited('approval.refused', approval.id)).not.toHaveLength(0);
});

test('A3 who works alone approves their own, but not after reading outside text, and never again once there was a second person', async () => {
  const solo = await it.stranger();
  await solo.post('/api/v1/connections', erpConnection(it.erp));
  const ask = async (number: string, threadId?: string) => {
    const asked = await it.ask(solo, `post invoice ${number} over 4200 EUR to the ERP`, threadId);
    return { ...asked, approval: await it.approvalOf(solo, asked.runId) };
  };
  const own = await ask('INV-5');
  expect((await it.decide(solo, own.approval)).status).toBe(200);
  await it.runIs(solo, own.runId, 'done');

  // Its receipt is the ERP's text, so what follows in the thread is tainted.
  const tainted = await ask('INV-51', own.threadId);
  expect(await it.decide(solo, tainted.approval)).toMatchObject({ status: 403 });

  const clean = await ask('INV-52');
  const invited = await solo.post('/api/v1/members', { email: 'second@other.test', name: 'Second', role: 'member' });
  const joined = await solo.post('/api/v1/invitations/accept', {
    token: invited.body.invitation,
    password: 'Second has a password',
  });
  expect((await solo.patch(`/api/v1/members/${joined.body.memberId}`, { status: 'deactivated' })).status).toBe(200);
  // Asked before, decided after: the click is what counts.
  expect((await it.decide(solo, clean.approval)).status).toBe(403);
  const later = await ask('INV-53');
  expect((await it.decide(solo, later.approval)).status).toBe(403);
  expect(postsOf(it.erp, 'INV-5')).toHaveLength(1);
});

test('A5 A6 an approval nobody decided expires by the database clock at the next wake-up, and the run ends politely', async () => {
  const { runId, threadId, approval } = await it.propose('INV-6');
  await it.sql`update approvals set expires_at = now() - interval '1 second' where id = ${approval.id}`;
  await wake(runId);
  await it.runIs(it.ana, runId, 'done');
  expect(await statusOf(approval.id)).toBe('expired');
  expect(await it.answerIn(threadId)).toContain('Nobody decided in time');
  expect(postsOf(it.erp, 'INV-6')).toHaveLength(0);
  const [card] = await it.sql`select shows from approval_cards where approval_id = ${approval.id}`;
  expect(card?.['shows']).toBe('expired');
});

test('A5 a click after the time is told so, decides nothing, and lets the run end at once', async () => {
  const { runId, approval } = await it.propose('INV-7');
  await it.sql`update approvals set expires_at = now() - interval '1 second' where id = ${approval.id}`;
  const clicked = Date.now();
  expect(await it.decide(it.bo, approval)).toMatchObject({
    status: 410,
    body: { detail: expect.stringContaining('expired') },
  });
  await it.runIs(it.ana, runId, 'done');
  expect(Date.now() - clicked).toBeLessThan(2_000);
  expect((await it.decide(it.bo, approval)).status).toBe(410);
  expect(await statusOf(approval.id)).toBe('expired');
  expect(postsOf(it.erp, 'INV-7')).toHaveLength(0);
});

test('A6 a wake-up without a decision decides nothing', async () => {
  const { runId, approval } = await it.propose('INV-8');
  for (let n = 0; n < 5; n += 1) await wake(runId);
  const { threadId } = await it.ask(it.ana, 'status');
  await until('another request came and went', async () => (await it.answerIn(threadId)) !== '');
  expect(await statusOf(approval.id)).toBe('pending');
  expect(postsOf(it.erp, 'INV-8')).toHaveLength(0);
});

test('A7 the words "approve", "yes" and a quoted card in the thread decide nothing, and neither does a GET', async () => {
  const { threadId, approval } = await it.propose('INV-9');
  for (const text of ['approve', 'yes, approve INV-9', `approve ${approval.id} ${approval.payloadSha256}`]) {
    const { runId } = await it.ask(it.ana, text, threadId);
    await it.runIs(it.ana, runId, 'done');
  }
  expect((await it.bo.get(`/api/v1/approvals/${approval.id}/decision`)).status).toBeGreaterThanOrEqual(400);
  expect(await statusOf(approval.id)).toBe('pending');
  expect(postsOf(it.erp, 'INV-9')).toHaveLength(0);
});

test('A7 every copy of the card shows the decision within 2 s', async () => {
  const { runId, approval } = await it.propose('INV-10');
  await until(
    'the card is posted',
    async () => (await it.sql`select 1 from approval_cards where approval_id = ${approval.id}`)[0],
  );
  const clicked = Date.now();
  await it.decide(it.bo, approval, 'deny');
  await until(
    'it shows the denial',
    async () => (await it.sql`select 1 from approval_cards where approval_id = ${approval.id} and shows = 'denied'`)[0],
  );
  expect(Date.now() - clicked).toBeLessThan(2_000);
  await it.runIs(it.ana, runId, 'done');
});

test('a denial and its reason reach the thread, and nothing is sent', async () => {
  const { runId, threadId, approval } = await it.propose('INV-11');
  expect((await it.decide(it.bo, approval, 'deny', 'wrong cost centre')).status).toBe(200);
  await it.runIs(it.ana, runId, 'done');
  expect(await it.answerIn(threadId)).toContain('wrong cost centre');
  expect(postsOf(it.erp, 'INV-11')).toHaveLength(0);
});

test('R3 the same call asked twice in a thread is one question and one effect; in another thread it is its own', async () => {
  const first = await it.propose('INV-12');
  const second = await it.ask(it.ana, 'post invoice INV-12 over 4200 EUR to the ERP', first.threadId);
  await it.runIs(it.ana, second.runId, 'waiting');
  const calls = await it.sql`select approval_id from tool_calls where run_id in (${first.runId}, ${second.runId})`;
  expect(calls.map((call) => call['approval_id'])).toEqual([first.approval.id, first.approval.id]);
  const elsewhere = await it.propose('INV-12');
  expect(elsewhere.approval.id).not.toBe(first.approval.id);

  await it.decide(it.bo, first.approval);
  await Promise.all([it.runIs(it.ana, first.runId, 'done'), it.runIs(it.ana, second.runId, 'done')]);
  expect(postsOf(it.erp, 'INV-12')).toHaveLength(1);
  const [effects] =
    await it.sql`select count(*)::int as n from effects where run_id in (${first.runId}, ${second.runId})`;
  expect(effects?.['n']).toBe(1);
});

test('R2 while an approval waits, the thread goes on: the next request is answered, and says what waits', async () => {
  const { runId, threadId } = await it.propose('INV-13');
  const next = await it.ask(it.ana, 'status', threadId);
  await it.runIs(it.ana, next.runId, 'done');
  expect(await it.answerIn(threadId)).toMatch(/waiting.*erp_createInvoice/s);
  await it.runIs(it.ana, runId, 'waiting');
});
