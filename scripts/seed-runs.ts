import { parseArgs } from 'node:util';
import { z } from 'zod';
import { readConfig } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { createDatabase } from '#db/client.ts';
import { prepareOrgs } from './seed/orgs.ts';
import { seedRuns } from './seed/runs.ts';
import { openDataFolder } from './start/data-folder.ts';
import { migrateDatabase, openPostgres } from './start/database.ts';
import { useFolder } from './start/folder-users.ts';

// `npm run seed:runs -- --runs=1000000 --orgs=3`: fills a database of your own with invented, ended runs, to see how the panel behaves
// with many. Never in production, and never where real requests are: nothing takes the rows away again.

const USAGE = 'Use: npm run seed:runs -- --runs=1000000 --orgs=3';

async function main(): Promise<void> {
  const config = readConfig(process.env);
  if (config.isProduction)
    throw new UserError('Invented runs are for development. Unset NODE_ENV=production, or point at another database.');
  const { total, count } = readFlags();
  const folder = await openDataFolder(config.ABETWORKS_DATA_DIR);
  const use = await useFolder(folder, ['audit']);
  try {
    const database = await openPostgres(config, folder, use, say);
    say(`Adding ${total} invented runs in ${count} organisations to the database at ${database.where}.`);
    await migrateDatabase(database);
    const db = createDatabase({ url: database.url, max: 4 });
    try {
      const orgs = await prepareOrgs(db, count);
      const startMs = Date.now();
      await seedRuns(database.url, orgs, total, (done) =>
        say(`${done} of ${total} runs, ${Math.round((1000 * done) / (Date.now() - startMs))} a second`),
      );
      for (const { name, orgId } of orgs) say(`${name} (${orgId})`);
    } finally {
      await db.close();
    }
  } finally {
    await use.leave();
  }
}

function readFlags(): { total: number; count: number } {
  const options = { runs: { type: 'string', default: '1000000' }, orgs: { type: 'string', default: '3' } } as const;
  const zFlags = z.object({
    runs: z.coerce.number().int().min(1).max(100_000_000),
    orgs: z.coerce.number().int().min(1).max(100),
  });
  try {
    const { runs, orgs } = zFlags.parse(parseArgs({ options }).values);
    return { total: runs, count: orgs };
  } catch (error) {
    throw new UserError(`${USAGE} (numbers above 0).`, { cause: error });
  }
}

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
