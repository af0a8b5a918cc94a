import { Pool } from 'undici';
import { z } from 'zod';

/** Somebody with an API key, over a keep-alive connection pool that costs little beside what is measured. */
export interface Person {
  /** Throws unless the answer has this status. */
  post(path: string, body: object, status: number): Promise<unknown>;
  get(path: string): Promise<unknown>;
  close(): Promise<void>;
}

const CONNECTIONS = 64;

/** Another status than the one that was expected. */
export class UnexpectedAnswer extends Error {}

export function createPerson(url: string, key: string): Person {
  const pool = new Pool(url, { connections: CONNECTIONS, keepAliveTimeout: 1_000 });
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const call = async (method: 'GET' | 'POST', path: string, body: object | null, status: number): Promise<unknown> => {
    const answer = await pool.request({ method, path, headers, body: body && JSON.stringify(body) });
    const text = await answer.body.text();
    if (answer.statusCode !== status)
      throw new UnexpectedAnswer(`${method} ${path}: ${answer.statusCode} ${text.slice(0, 300)}`);
    return JSON.parse(text);
  };
  return {
    post: (path, body, status) => call('POST', path, body, status),
    get: (path) => call('GET', path, null, 200),
    close: () => pool.close(),
  };
}

const zInvited = z.object({ invitation: z.string() });
const zJoined = z.object({ key: z.string() });

/** Somebody new, who has accepted. */
export async function invite(by: Person, url: string, name: string, role: 'admin' | 'member'): Promise<Person> {
  const email = `${name.toLowerCase()}@example.com`;
  const { invitation: token } = zInvited.parse(await by.post('/api/v1/members', { email, name, role }, 201));
  const password = `${name} has a password`;
  const { key } = zJoined.parse(await by.post('/api/v1/invitations/accept', { token, password }, 200));
  return createPerson(url, key);
}

const zAsked = z.object({ runId: z.string(), threadId: z.string() });

/** Asks in a new or given thread, and is acknowledged. */
export async function ask(by: Person, text: string, threadId?: string): Promise<{ runId: string; threadId: string }> {
  return zAsked.parse(await by.post('/api/v1/requests', { text, ...(threadId ? { threadId } : {}) }, 202));
}
