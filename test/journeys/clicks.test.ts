import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createApi, type Api } from '#test/setup/api.ts';
import { startCompany, type Asked, type Colleague, type Company } from '#test/setup/company.ts';

let it: Company;
let cy: Colleague;
beforeAll(async () => {
  it = await startCompany();
  cy = await it.join('Cy', 'owner');
});
afterAll(async () => it?.stop());
beforeEach(() => it.erp.received.splice(0));

/** Signs in as the web page does; gives the cookie. */
async function signIn({ email, password }: Colleague): Promise<string> {
  const form = new URLSearchParams({ email, password, next: '/' });
  const answer = await fetch(`${it.url}/sign-in`, {
    method: 'POST',
    body: form,
    redirect: 'manual',
    headers: { origin: it.url },
  });
  expect(answer.status).toBe(303);
  return answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
}

const clickOnPage = (
  cookie: string,
  { id, payloadSha256 }: Asked,
  decision: string,
): Promise<{ status: number; text: string }> =>
  fetch(`${it.url}/approvals/${id}/decision`, {
    method: 'POST',
    body: new URLSearchParams({ decision, payloadSha256 }),
    redirect: 'manual',
    headers: { origin: it.url, cookie },
  }).then(async (answer) => ({ status: answer.status, text: await answer.text() }));

const clickByApi = async (
  by: Api,
  approval: Asked,
  decision: 'approve' | 'deny',
): Promise<{ status: number; text: string }> => {
  const { status, body } = await it.decide(by, approval, decision);
  return { status, text: JSON.stringify(body) };
};

test('A2 E1 200 clicks at once, by two people with several keys and the web page, are one decision and one effect; every other click is told who decided', async () => {
  const keys = await Promise.all([1, 2].map((n) => it.bo.post('/api/v1/api-keys', { name: `second key ${n}` })));
  const apis = [it.bo, cy, ...keys.map(({ body }) => createApi(it.url, body.key))];
  const cookies = [await signIn(it.bo), await signIn(cy)];
  const { runId, threadId, approval } = await it.propose('INV-200');

  const clicks = await Promise.all(
    Array.from({ length: 200 }, (_, n) => {
      const cookie = cookies[n % 2] ?? '';
      const api = apis[n % apis.length] ?? it.bo;
      return n % 4 === 3 ? clickOnPage(cookie, approval, 'approve') : clickByApi(api, approval, 'approve');
    }),
  );

  // 200 from the API, a redirect from the page.
  const recorded = clicks.filter(({ status }) => status === 200 || status === 303);
  expect(recorded).toHaveLength(1);
  const late = clicks.filter(({ status }) => status === 409);
  expect(late).toHaveLength(199);
  for (const { text } of late) expect(text).toMatch(/(Bo|Cy) already approved this/);
  await it.runIs(it.ana, runId, 'done');
  expect(it.erp.posts()).toHaveLength(1);
  const [votes] = await it.sql`select count(*)::int as n from approval_votes where approval_id = ${approval.id}`;
  const [effects] = await it.sql`select count(*)::int as n from effects where run_id = ${runId}`;
  expect([votes?.['n'], effects?.['n']]).toEqual([1, 1]);
  expect(await it.audited('approval.approved', approval.id)).toHaveLength(1);
  expect(await it.answerIn(threadId)).toContain('id ERP-');
});

test('A2 when half approve and half deny at once, the first word counts for all of them', async () => {
  const { runId, approval } = await it.propose('INV-201');
  const clicks = await Promise.all(
    Array.from({ length: 40 }, (_, n) => clickByApi(n % 2 ? it.bo : cy, approval, n % 2 ? 'approve' : 'deny')),
  );
  const recorded = clicks.filter(({ status }) => status === 200);
  expect(recorded).toHaveLength(1);
  const isApproved = recorded[0]?.text.includes('approved');
  for (const { text } of clicks.filter(({ status }) => status !== 200))
    expect(text).toContain(isApproved ? 'Bo already approved this' : 'Cy already denied this');
  await it.runIs(it.ana, runId, 'done');
  expect(it.erp.posts()).toHaveLength(isApproved ? 1 : 0);
});

test('E3 one changed byte in the stored call after the approval: nothing is sent, and it is on record', async () => {
  const { runId, threadId, approval } = await it.propose('INV-202');
  await it.beforeUse(approval.id, async () => {
    expect((await it.decide(it.bo, approval)).status).toBe(200);
    await it.sql`update tool_calls set payload = replace(payload, '4200', '4201') where run_id = ${runId}`;
  });
  await it.runIs(it.ana, runId, 'done');
  expect(it.erp.posts()).toHaveLength(0);
  const [call] = await it.sql`select id, status, result from tool_calls where run_id = ${runId}`;
  expect(call).toMatchObject({ status: 'refused', result: expect.stringContaining('was changed since') });
  expect(await it.audited('effect.refused', call?.['id'])).toMatchObject([
    { details: expect.stringContaining('payload changed') },
  ]);
  expect(await it.answerIn(threadId)).toContain('was changed since');
});

test('E3 a stored call that no longer reads as one is refused at once, and not tried again for half an hour', async () => {
  const { runId, approval } = await it.propose('INV-203');
  await it.beforeUse(approval.id, async () => {
    await it.decide(it.bo, approval);
    await it.sql`update tool_calls set payload = replace(payload, '{', '[') where run_id = ${runId}`;
  });
  await it.runIs(it.ana, runId, 'done');
  expect(it.erp.posts()).toHaveLength(0);
  const [call] = await it.sql`select id, status from tool_calls where run_id = ${runId}`;
  expect(call).toMatchObject({ status: 'refused' });
  expect(await it.audited('effect.refused', call?.['id'])).toHaveLength(1);
});

test('E3 a call that was changed together with its hash is not what was approved, and is not sent', async () => {
  const { runId, approval } = await it.propose('INV-204');
  await it.beforeUse(approval.id, async () => {
    await it.decide(it.bo, approval);
    await it.sql`update tool_calls set payload = replace(payload, '4200', '4201'),
      payload_sha256 = encode(sha256(convert_to(replace(payload, '4200', '4201'), 'UTF8')), 'hex') where run_id = ${runId}`;
  });
  await it.runIs(it.ana, runId, 'done');
  expect(it.erp.posts()).toHaveLength(0);
  const [call] = await it.sql`select id, result from tool_calls where run_id = ${runId}`;
  expect(call?.['result']).toContain('not what was approved');
  expect(await it.audited('effect.refused', call?.['id'])).toHaveLength(1);
});

test('E3 one changed byte in the stored approval, after the decision and before it: nothing is sent', async () => {
  const after = await it.propose('INV-205');
  await it.beforeUse(after.approval.id, async () => {
    await it.decide(it.bo, after.approval);
    await it.sql`update approvals set payload = replace(payload, '4200', '4201') where id = ${after.approval.id}`;
  });
  await it.runIs(it.ana, after.runId, 'done');
  const [call] = await it.sql`select id, result from tool_calls where run_id = ${after.runId}`;
  expect(call?.['result']).toContain('not what was approved');
  expect(await it.audited('effect.refused', call?.['id'])).toHaveLength(1);

  const before = await it.propose('INV-206');
  await it.sql`update approvals set payload = replace(payload, '4200', '4201') where id = ${before.approval.id}`;
  expect(await it.decide(it.bo, before.approval)).toMatchObject({ status: 409, body: { reason: 'changed' } });
  expect(await it.audited('approval.refused', before.approval.id)).toMatchObject([
    { details: expect.stringContaining('payload changed') },
  ]);
  expect(it.erp.posts()).toHaveLength(0);
});

test('E3 a call that is changed between two attempts is not sent by the second', async () => {
  it.erp.behave((_, response) => response.writeHead(429, { 'retry-after': '2' }).end());
  const { runId, threadId, approval } = await it.propose('INV-207');
  await it.decide(it.bo, approval);
  await it.effectIs(runId, 'not_sent');
  await it.sql`update tool_calls set payload = replace(payload, '4200', '4201') where run_id = ${runId}`;
  it.erp.behave(null);
  await it.runIs(it.ana, runId, 'done');
  expect(it.erp.posts().map(({ body }) => body)).toEqual([expect.stringContaining('4200')]);
  expect(it.erp.invoices.filter(({ body }) => body.includes('INV-207'))).toHaveLength(0);
  expect(await it.answerIn(threadId)).toContain('Not sent');
});
