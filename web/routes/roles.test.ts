import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '#core/ids.ts';
import { createApiKey } from '#db/api-keys.ts';
import { idleClient } from '#test/web/client.ts';
import { addCalculator, addRows } from '#test/web/rows.ts';
import { addOrg, addPerson, createWorld, inOrg, type Person, type World } from '#test/web/world.ts';
import { operationsOf } from '#web/openapi.ts';

// RULES D2. Who gets past the door of each operation, in the order anonymous, viewer, member, admin, owner. 'yes' is any answer of the route itself.
const GOLDEN: Record<string, string> = {
  'GET /health/live': 'yes yes yes yes yes',
  'GET /health/ready': 'yes yes yes yes yes',
  'GET /metrics': 'yes yes yes yes yes',
  'POST /api/v1/requests': '401 403 yes yes yes',
  'GET /api/v1/runs': '401 yes yes yes yes',
  'GET /api/v1/runs/{id}': '401 yes yes yes yes',
  'POST /api/v1/runs/{id}/stop': '401 403 yes yes yes',
  'GET /api/v1/threads': '401 yes yes yes yes',
  'GET /api/v1/threads/{id}/messages': '401 yes yes yes yes',
  'GET /api/v1/approvals': '401 yes yes yes yes',
  'GET /api/v1/approvals/{id}': '401 yes yes yes yes',
  'POST /api/v1/approvals/{id}/decision': '401 403 yes yes yes',
  'POST /api/v1/approvals/{id}/edit': '401 403 yes yes yes',
  'GET /api/v1/effects': '401 yes yes yes yes',
  'GET /api/v1/effects/{id}': '401 yes yes yes yes',
  'POST /api/v1/effects/{id}/resolution': '401 403 yes yes yes',
  'POST /api/v1/connections': '401 403 403 yes yes',
  'GET /api/v1/connections': '401 yes yes yes yes',
  'GET /api/v1/connections/{id}': '401 yes yes yes yes',
  'DELETE /api/v1/connections/{id}': '401 403 403 yes yes',
  'POST /api/v1/connections/{id}/test': '401 403 403 yes yes',
  'POST /api/v1/connections/{id}/credential': '401 403 403 yes yes',
  'POST /api/v1/connections/{id}/accept': '401 403 403 yes yes',
  'POST /api/modules/{id}/execute': '401 403 yes yes yes',
  'GET /api/modules/health': '401 yes yes yes yes',
  'GET /api/modules/available': '401 yes yes yes yes',
  'POST /api/v1/members': '401 403 403 yes yes',
  'GET /api/v1/members': '401 yes yes yes yes',
  'GET /api/v1/members/{id}': '401 yes yes yes yes',
  'PATCH /api/v1/members/{id}': '401 403 403 yes yes',
  'POST /api/v1/members/{id}/invitation': '401 403 403 yes yes',
  'POST /api/v1/members/{id}/password-reset': '401 403 403 yes yes',
  'POST /api/v1/members/{id}/sign-out': '401 403 403 yes yes',
  'GET /api/v1/models': '401 yes yes yes yes',
  'PUT /api/v1/models/prices': '401 403 403 yes yes',
  'DELETE /api/v1/models/prices': '401 403 403 yes yes',
  'GET /api/v1/settings': '401 403 403 yes yes',
  'PATCH /api/v1/settings': '401 403 403 yes yes',
  'POST /api/v1/invitations/accept': 'yes yes yes yes yes',
  'POST /api/v1/api-keys': '401 yes yes yes yes',
  'GET /api/v1/api-keys': '401 yes yes yes yes',
  'DELETE /api/v1/api-keys/{id}': '401 yes yes yes yes',
  'GET /api/v1/audit': '401 403 403 yes yes',
  'GET /api/v1/audit/export': '401 403 403 yes yes',
  'GET /api/v1/audit/verify': '401 403 403 yes yes',
};

/** A valid body for each operation that takes one and an id. */
const BODIES: Record<string, unknown> = {
  'POST /api/v1/approvals/{id}/decision': { decision: 'approve', payloadSha256: '0'.repeat(64) },
  'POST /api/v1/approvals/{id}/edit': { input: {}, payloadSha256: '0'.repeat(64) },
  'POST /api/v1/effects/{id}/resolution': { outcome: 'sent' },
  'POST /api/v1/connections/{id}/credential': { credential: {} },
  'POST /api/v1/connections/{id}/accept': { offeredSha256: '0'.repeat(64) },
  'POST /api/modules/{id}/execute': { input_data: {} },
  'PATCH /api/v1/members/{id}': { name: 'Renamed' },
  'PUT /api/v1/models/prices': { provider: 'openai', model: 'm', inputNanos: 1, outputNanos: 1 },
};

let world: World;
let people: (Person | undefined)[];
let owner: Person;
let stranger: Person;
let operations: { method: string; path: string; id: string }[];
beforeAll(async () => {
  world = await createWorld(idleClient());
  owner = await addOrg(world);
  stranger = await addOrg(world, 'Other');
  const of = (role: 'viewer' | 'member' | 'admin') => addPerson(world, owner.orgId, role);
  people = [undefined, await of('viewer'), await of('member'), await of('admin'), owner];
  const { json } = await world.call('/openapi.json');
  operations = operationsOf(json).map(({ method, path }) => ({ method, path, id: `${method} ${path}` }));
});
afterAll(() => world.drop());

const ask = (operation: { method: string; path: string; id: string }, as: Person | undefined, id: string) =>
  world.call(operation.path.replace('{id}', id), {
    method: operation.method,
    ...(as && { as }),
    ...(operation.method !== 'GET' && operation.method !== 'DELETE' && { body: BODIES[operation.id] ?? {} }),
  });

test('D2 the golden table has a row for every operation of the document and no other', () => {
  expect(operations.map(({ id }) => id).toSorted()).toEqual(Object.keys(GOLDEN).toSorted());
});

test.each(Object.keys(GOLDEN))('D2 %s lets in exactly the roles of the table', async (name) => {
  const operation = operations.find(({ id }) => id === name);
  if (!operation) throw new Error(`${name} is gone`);
  const seen: string[] = [];
  for (const person of people) {
    const { status } = await ask(operation, person, newId());
    expect(status).toBeLessThan(500);
    seen.push(status === 401 || status === 403 ? `${status}` : 'yes');
  }
  expect(seen.join(' ')).toBe(GOLDEN[name]);
});

test('a key with read scope reads, and is refused every write', async () => {
  const { key } = await inOrg(world, owner.orgId, (org) =>
    createApiKey(org, { memberId: owner.memberId, createdBy: owner.memberId, name: 'reader', scopes: ['read'] }),
  );
  const reader = { ...owner, key };
  for (const operation of operations.filter(({ path }) => path.startsWith('/api/') && !path.endsWith('/accept'))) {
    const { status } = await ask(operation, reader, newId());
    expect([operation.id, status === 403]).toEqual([operation.id, operation.method !== 'GET']);
  }
});

describe('ids of another organisation', () => {
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    const rows = await addRows(world, stranger);
    const key = await inOrg(world, stranger.orgId, (org) =>
      createApiKey(org, { memberId: stranger.memberId, createdBy: stranger.memberId, name: 'x' }),
    );
    const calculatorId = await addCalculator(world, stranger);
    Object.assign(ids, {
      runs: rows.runId,
      threads: rows.threadId,
      approvals: rows.approvalId,
      effects: rows.effectId,
      connections: calculatorId,
      modules: `${calculatorId}.evaluate`,
      members: stranger.memberId,
      'api-keys': key.id,
    });
  });

  test.each(Object.keys(GOLDEN).filter((name) => name.includes('{id}')))(
    'D2 %s answers 404 with the body of a random id',
    async (name) => {
      const operation = operations.find(({ id }) => id === name);
      const steps = operation?.path.split('/') ?? [];
      const theirs = ids[steps[2] === 'modules' ? 'modules' : (steps[3] ?? '')];
      if (!operation || theirs === undefined) throw new Error(`no id for ${name}`);
      const [foreign, random, malformed] = [
        await ask(operation, owner, theirs),
        await ask(operation, owner, newId()),
        await ask(operation, owner, 'not-an-id'),
      ];
      expect([foreign.status, random.status, malformed.status]).toEqual([404, 404, 404]);
      expect({ ...foreign.json, requestId: '' }).toEqual({ ...random.json, requestId: '' });
      const unharmed = await ask(
        { method: 'GET', path: '/api/v1/connections/{id}', id: '' },
        stranger,
        ids['connections'] ?? '',
      );
      expect(unharmed.status).toBe(200);
    },
  );

  test.each(['runs', 'threads', 'approvals', 'effects', 'connections', 'members', 'api-keys', 'audit'])(
    'D2 GET /api/v1/%s shows nothing of another organisation',
    async (noun) => {
      const mine = await world.call(`/api/v1/${noun}?limit=100`, { as: owner });
      const theirs = await world.call(`/api/v1/${noun}?limit=100`, { as: stranger });
      expect(theirs.json.items.length).toBeGreaterThan(0);
      for (const id of [stranger.orgId, stranger.memberId, ...Object.values(ids)]) expect(mine.text).not.toContain(id);
    },
  );

  test('asking in another organisation’s thread, or in a colleague’s, is 404', async () => {
    const mine = await addRows(world, owner);
    const send = (threadId: string) =>
      world.call('/api/v1/requests', { as: people[3] ?? '', body: { text: 'hello', threadId } });
    expect((await send(ids['threads'] ?? '')).status).toBe(404);
    expect((await send(mine.threadId)).status).toBe(404);
    expect(
      (await world.call('/api/v1/requests', { as: owner, body: { text: 'hello', threadId: mine.threadId } })).status,
    ).toBe(202);
  });
});
