import { access } from 'node:fs/promises';
import path from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { readConfig, type Config } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { audit } from '#db/audit.ts';
import { createDatabase, type Database } from '#db/client.ts';
import { invite } from '#db/invitations.ts';
import { makeReset } from '#db/password-resets.ts';
import { members, orgs } from '#db/schema/index.ts';
import { openDataFolder } from './start/data-folder.ts';
import { migrateDatabase, openPostgres } from './start/database.ts';
import { useFolder } from './start/folder-users.ts';

// `npm run reset-password -- <email>`: prints a one-time link to choose a new password, for an owner who is locked out. Whoever can run this has the
// database already. Works beside a running product, and starts the local database when nothing runs.

interface Found {
  orgId: string;
  orgName: string;
  memberId: string;
  userId: string | null;
  status: 'invited' | 'active' | 'deactivated';
}

async function main(): Promise<void> {
  const [email, ...more] = process.argv.slice(2);
  if (email === undefined || more.length > 0 || !email.includes('@'))
    throw new UserError('Say whose password: npm run reset-password -- ann@example.com');
  const config = readConfig(process.env);
  const folder = await openDataFolder(config.ABETWORKS_DATA_DIR);
  if (!config.DATABASE_URL && !(await exists(path.join(folder, 'pg.json'))))
    throw new UserError(
      `There is no database in ${folder} yet. Set ABETWORKS_DATA_DIR or DATABASE_URL to the one of your product.`,
    );
  const use = await useFolder(folder, ['reset']);
  try {
    const postgres = await openPostgres(config, folder, use, say);
    await migrateDatabase(postgres);
    const db = createDatabase({ url: postgres.url, max: 2 });
    try {
      await makeLinks(db, email.trim(), config);
    } finally {
      await db.close();
    }
  } finally {
    await use.leave();
  }
}

async function makeLinks(db: Database, email: string, config: Config): Promise<void> {
  const found = await db.withSystem('find who is locked out, in whichever org', (tx) =>
    tx
      .select({
        orgId: orgs.id,
        orgName: orgs.name,
        memberId: members.id,
        userId: members.userId,
        status: members.status,
      })
      .from(members)
      .innerJoin(orgs, eq(orgs.id, members.orgId))
      .where(eq(sql`lower(${members.email})`, email.toLowerCase())),
  );
  if (found.length === 0) throw new UserError(`Nobody here has the address ${email}. Check how it is written.`);
  for (const one of found) {
    const link = await makeLink(db, one, config);
    say(`${one.orgName}: ${link}`);
  }
}

/** A line for the person at the keyboard; it holds the link, which is stored nowhere. */
function makeLink(db: Database, { orgId, memberId, userId, status }: Found, config: Config): Promise<string> {
  const target = { type: 'member', id: memberId };
  return db.withOrg(orgId, async (org) => {
    if (status === 'deactivated') return 'is deactivated there. Another owner or admin has to invite them again.';
    if (userId === null || status === 'invited') {
      const { token } = await invite(org, { memberId, createdBy: null });
      await audit(org, { actor: 'system', action: 'member.invited', target, details: { from: 'command line' } });
      return `has not joined yet. Works once, ends after 48 hours:\n${config.publicUrl}/invite/${token}`;
    }
    const { token } = await makeReset(org, null, memberId);
    const details = { from: 'command line' };
    await audit(org, { actor: 'system', action: 'member.password_reset_made', target, details });
    return `a link to choose a new password. Works once, ends after one hour:\n${config.publicUrl}/reset/${token}`;
  });
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    const stack = error instanceof Error ? error.stack : '';
    process.stderr.write(`${error instanceof UserError ? error.message : `${errorText(error)}\n${stack}`}\n`);
    process.exit(1);
  },
);
