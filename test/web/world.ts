import { pino } from 'pino';
import { readConfig } from '#core/config.ts';
import { newId } from '#core/ids.ts';
import { newKeyRingText, parseKeyRing } from '#core/keys.ts';
import type { Role } from '#core/roles.ts';
import { createApiKey } from '#db/api-keys.ts';
import type { Org } from '#db/client.ts';
import { activate, addMember } from '#db/members.ts';
import { savePassword } from '#db/accounts.ts';
import { createTestDatabase, type TestDatabase } from '#test/setup/database.ts';
import { createApp } from '#web/app.ts';
import { createAuth, type Auth } from '#web/auth/index.ts';
import type { WebDeps } from '#web/deps.ts';
import { createOrg } from '#web/seed.ts';
import type { Client } from '#workflows/client.ts';

export const PASSWORD = 'correct horse battery';

/** Somebody who can call: `key` is an API key of theirs, full scope. */
export interface Person {
  orgId: string;
  memberId: string;
  email: string;
  key: string;
}

export interface World {
  database: TestDatabase;
  deps: WebDeps;
  auth: Auth;
  app: ReturnType<typeof createApp>;
  call(path: string, options?: CallOptions): Promise<Answer>;
  drop(): Promise<void>;
}
interface CallOptions {
  method?: string;
  as?: Person | string;
  body?: unknown;
  headers?: Record<string, string>;
}
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look at whatever came back
  json: any;
}

/** The web role on a database of its own, called without a socket. Temporal is away: `client` stands in for what needs it. */
export async function createWorld(
  client: Client,
  env: Record<string, string> = {},
  more: Partial<WebDeps> = {},
): Promise<World> {
  const database = await createTestDatabase();
  const config = readConfig({ PORT: '3000', ...env });
  const keys = parseKeyRing(newKeyRingText());
  const log = pino({ level: 'silent' });
  const deps: WebDeps = {
    config,
    db: database.db,
    client,
    keys,
    log,
    modelName: config.ABETWORKS_MODEL?.join(', then ') ?? 'rules',
    ...more,
  };
  const app = createApp(deps);
  return {
    database,
    deps,
    app,
    auth: createAuth(deps),
    call: async (path, { method, as, body, headers = {} } = {}) => {
      const key = typeof as === 'object' ? as.key : as;
      const answer = await app.request(path, {
        method: method ?? (body === undefined ? 'GET' : 'POST'),
        headers: {
          ...(key !== undefined && { authorization: `Bearer ${key}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      const isJson = /json\b/.test(answer.headers.get('content-type') ?? '');
      return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : undefined };
    },
    drop: database.drop,
  };
}

/** An org with its owner's key. */
export async function addOrg(world: World, name = 'Acme'): Promise<Person> {
  const email = `owner.${newId()}@example.test`;
  const { orgId, ownerId } = await createOrg(world.deps.db, name, email);
  const { key } = await inOrg(world, orgId, (org) =>
    createApiKey(org, { memberId: ownerId, createdBy: ownerId, name: 'test' }),
  );
  return { orgId, memberId: ownerId, email, key };
}

/** An active member with a key; with `password`, one who can sign in too. */
export async function addPerson(world: World, orgId: string, role: Role, password?: string): Promise<Person> {
  const email = `${role}.${newId()}@example.test`;
  const passwordHash = password === undefined ? null : await world.auth.hashPassword(password);
  return inOrg(world, orgId, async (org) => {
    const member = await addMember(org, { email, name: `A ${role}`, role, status: 'active' });
    if (passwordHash) await activate(org, member.id, await savePassword(org, { ...member, passwordHash }));
    const { key } = await createApiKey(org, { memberId: member.id, createdBy: member.id, name: 'test' });
    return { orgId, memberId: member.id, email, key };
  });
}

export const inOrg = <T>(world: World, orgId: string, fn: (org: Org) => Promise<T>): Promise<T> =>
  world.deps.db.withOrg(orgId, fn);

/** The session cookie of somebody who signs in with the right password. */
export async function cookieOf(world: World, email: string, password = PASSWORD): Promise<string> {
  const signedIn = await world.auth.signIn(email, password, new Headers());
  if (signedIn.kind !== 'signed_in') throw new Error(signedIn.text);
  return signedIn.cookies.map((cookie) => cookie.split(';')[0]).join('; ');
}
