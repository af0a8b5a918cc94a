import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import { UserError } from '#core/errors.ts';
import { hasCode } from './problems.ts';

// Letters that need no quoting in SQL and URLs: the password stands in CREATE ROLE, which takes no parameters.
const password = z.string().regex(/^[A-Za-z0-9_-]{20,}$/);
const schema = z.object({ admin: password, owner: password });

export type Passwords = z.infer<typeof schema>;

/** The passwords of the local cluster, or undefined when there is no such file. Throws UserError when it is damaged. */
async function readPasswords(path: string): Promise<Passwords | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new UserError(`${path} (the passwords of the local database) is damaged. Restore it from a backup.`);
  }
}

/** The passwords of an existing cluster. Throws UserError when they are lost: nobody gets in without them. */
export async function requirePasswords(path: string, cluster: string): Promise<Passwords> {
  const found = await readPasswords(path);
  if (found !== undefined) return found;
  throw new UserError(
    `${path} (the passwords of the local database) is missing. Restore it from a backup, or remove ${cluster} to start empty.`,
  );
}

/** Reads them, or makes and keeps new ones, readable only by us. Only for the holder of the start lock. */
export async function makePasswords(path: string): Promise<Passwords> {
  const found = await readPasswords(path);
  if (found !== undefined) return found;
  const made = { admin: randomBytes(24).toString('base64url'), owner: randomBytes(24).toString('base64url') };
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(made)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  return made;
}
