import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '#core/errors.ts';

/** A system user PostgreSQL runs as when we are root, because PostgreSQL refuses root. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * Whom to run as: undefined (ourselves) unless we are root; as root the owner of an existing cluster, else `postgres`,
 * else `nobody`. Never makes a user. Throws UserError when there is none.
 */
export async function chooseAccount(cluster: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const known = parsePasswd(await readFile('/etc/passwd', 'utf8'));
  const owner = await stat(cluster).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) {
    return known.find((each) => each.uid === owner.uid) ?? { name: `uid ${owner.uid}`, uid: owner.uid, gid: owner.gid };
  }
  const chosen = known.find((each) => each.name === 'postgres') ?? known.find((each) => each.name === 'nobody');
  if (chosen !== undefined && chosen.uid !== 0) return chosen;
  throw new UserError(
    'PostgreSQL does not run as root, and there is no user postgres or nobody to run it as. Start as a normal user, or set DATABASE_URL.',
  );
}

/** The outermost folder on the way to `folder` (itself included) the account may not enter; undefined when it gets there. */
export async function firstClosed(folder: string, account: Account): Promise<string | undefined> {
  const way: string[] = [];
  for (let step = folder; way[0] !== step; step = dirname(step)) way.unshift(step);
  for (const step of way) {
    const { uid, gid, mode } = await stat(step);
    // The most specific class decides alone, as in path_resolution(7). We drop extra groups, so gid is the only one.
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return step;
  }
  return undefined;
}

function parsePasswd(text: string): Account[] {
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name !== undefined && uid !== undefined && gid !== undefined && /^\d+$/.test(uid)
      ? [{ name, uid: Number(uid), gid: Number(gid) }]
      : [];
  });
}
