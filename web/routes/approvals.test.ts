import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '#core/hash.ts';
import type { Actor } from '#core/roles.ts';
import { idleClient } from '#test/web/client.ts';
import { addRows } from '#test/web/rows.ts';
import { addOrg, addPerson, cookieOf, createWorld, PASSWORD, type Person, type World } from '#test/web/world.ts';
import type { Decided, DecisionInput, Resolved, Stopped } from '#workflows/client.ts';

let world: World;
let owner: Person;
let decided: Decided;
let stopped: Stopped;
let resolved: Resolved;
const asked: { actor: Actor; id: string; input: DecisionInput }[] = [];
beforeAll(async () => {
  world = await createWorld(
    idleClient({
      decide: async (actor, id, input) => {
        asked.push({ actor, id, input });
        return decided;
      },
      stop: async () => stopped,
      resolveEffect: async () => resolved,
    }),
  );
  owner = await addOrg(world);
});
afterAll(() => world.drop());

const decision = { decision: 'approve', payloadSha256: 'a'.repeat(64) };

test.each<[string, Decided, number, object]>([
  [
    'decided',
    { kind: 'decided', status: 'approved', decidedBy: 'Ana', decidedAt: '2026-01-01T00:00:00.000Z' },
    200,
    { status: 'approved', decidedBy: 'Ana' },
  ],
  [
    'already decided',
    { kind: 'already', status: 'denied', decidedBy: 'Ana', text: 'Ana already denied this.' },
    409,
    { detail: 'Ana already denied this.', decidedBy: 'Ana', approvalStatus: 'denied', reason: 'already' },
  ],
  ['changed', { kind: 'changed', text: 'It changed.' }, 409, { reason: 'changed' }],
  ['expired', { kind: 'expired', text: 'It expired.' }, 410, { detail: 'It expired.' }],
  ['not allowed', { kind: 'forbidden', text: 'You asked for this.' }, 403, { detail: 'You asked for this.' }],
  ['unknown', { kind: 'not_found', text: 'x' }, 404, {}],
])('a decision that is %s', async (_, outcome, status, body) => {
  decided = outcome;
  const { approvalId } = await addRows(world, owner);
  const answer = await world.call(`/api/v1/approvals/${approvalId}/decision`, { as: owner, body: decision });
  expect(answer.status).toBe(status);
  expect(answer.json).toMatchObject(body);
});

test('A2 the decision goes to the one function, as who decides, with the key on record and the surface it came by', async () => {
  decided = { kind: 'decided', status: 'approved', decidedBy: 'x', decidedAt: '2026-01-01T00:00:00.000Z' };
  const person = await addPerson(world, owner.orgId, 'admin', PASSWORD);
  const { approvalId } = await addRows(world, owner);
  const path = `/api/v1/approvals/${approvalId}/decision`;
  await world.call(path, { as: person, body: { ...decision, comment: ' fine ' } });
  const cookie = await cookieOf(world, person.email);
  await world.call(path, { body: decision, headers: { cookie, origin: 'http://127.0.0.1:3000' } });
  const [byKey, byCookie] = asked.slice(-2);
  expect(byKey).toMatchObject({
    id: approvalId,
    actor: { memberId: person.memberId, role: 'admin', apiKey: { createdBy: person.memberId } },
    input: { ...decision, comment: 'fine', surface: 'api' },
  });
  expect(byCookie).toMatchObject({ actor: { memberId: person.memberId }, input: { surface: 'web' } });
  expect(byCookie?.actor.apiKey).toBeUndefined();
});

test.each([
  ['a hash that is none', { decision: 'approve', payloadSha256: 'abc' }, 'payloadSha256'],
  ['no hash', { decision: 'approve' }, 'payloadSha256'],
  ['another word', { ...decision, decision: 'maybe' }, 'decision'],
  ['an endless comment', { ...decision, comment: 'x'.repeat(2001) }, 'comment'],
])('%s decides nothing', async (_, body, field) => {
  const before = asked.length;
  const { approvalId } = await addRows(world, owner);
  const answer = await world.call(`/api/v1/approvals/${approvalId}/decision`, { as: owner, body });
  expect([answer.status, answer.json.field, asked.length]).toEqual([422, field, before]);
});

test('A7 reading an approval never decides it', async () => {
  const { approvalId } = await addRows(world, owner);
  const before = asked.length;
  await world.call(`/api/v1/approvals/${approvalId}?decision=approve`, { as: owner });
  expect((await world.call(`/api/v1/approvals/${approvalId}/decision?decision=approve`, { as: owner })).status).toBe(
    405,
  );
  expect(asked.length).toBe(before);
});

test('A1 the hash is that of the very text that is shown', async () => {
  const { approvalId } = await addRows(world, owner);
  const { json } = await world.call(`/api/v1/approvals/${approvalId}`, { as: owner });
  expect(sha256(json.payloadText)).toBe(json.payloadSha256);
  expect(json.payload).toEqual(JSON.parse(json.payloadText));
});

test('stopping: on its way, over already, not allowed', async () => {
  const { runId } = await addRows(world, owner);
  const stop = () => world.call(`/api/v1/runs/${runId}/stop`, { method: 'POST', as: owner });
  stopped = { kind: 'stopping' };
  expect([(await stop()).status, (await stop()).json]).toEqual([202, { status: 'stopping' }]);
  stopped = { kind: 'ended', status: 'done' };
  expect((await stop()).json).toMatchObject({ status: 409, runStatus: 'done' });
  stopped = { kind: 'forbidden', text: 'no' };
  expect((await stop()).status).toBe(403);
});

test('E6 an answer about an ambiguous effect: recorded, settled before, not allowed', async () => {
  const { effectId } = await addRows(world, owner);
  const answer = (body: object) => world.call(`/api/v1/effects/${effectId}/resolution`, { as: owner, body });
  resolved = { kind: 'resolved' };
  expect((await answer({ outcome: 'sent', externalId: 'INV-77' })).status).toBe(200);
  expect((await answer({ outcome: 'perhaps' })).status).toBe(422);
  resolved = { kind: 'already', text: 'It was settled.' };
  expect((await answer({ outcome: 'not_sent' })).status).toBe(409);
  resolved = { kind: 'forbidden', text: 'no' };
  expect((await answer({ outcome: 'not_sent' })).status).toBe(403);
});
