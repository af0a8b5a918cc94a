import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { readConfig } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { verifyChain, type AuditVerdict } from '#db/audit.ts';
import { createDatabase } from '#db/client.ts';
import { orgs } from '#db/schema/index.ts';
import { openDataFolder, readKeys } from './start/data-folder.ts';
import { openPostgres } from './start/database.ts';
import { useFolder } from './start/folder-users.ts';

// `npm run audit:verify`: walks every org's chain and compares it with the checkpoints, those in the data folder too (RULES D6).
// Works beside a running product, and starts the local database when nothing runs. Exits 1 and names the first bad row when one does not hold.

const zPoint = z.object({ orgId: z.string(), seq: z.int(), hash: z.string() });
type Point = z.infer<typeof zPoint>;

async function main(): Promise<boolean> {
  const config = readConfig(process.env);
  const folder = await openDataFolder(config.ABETWORKS_DATA_DIR);
  if (!config.DATABASE_URL && !(await exists(path.join(folder, 'pg.json'))))
    throw new UserError(
      `There is no database in ${folder} yet. Set ABETWORKS_DATA_DIR or DATABASE_URL to the one to verify.`,
    );
  const keys = await readKeys(folder, config.ABETWORKS_KEYS, { mayMake: false });
  const points = await readPoints(path.join(folder, 'audit-checkpoints.jsonl'));
  const use = await useFolder(folder, ['audit']);
  try {
    const { url } = await openPostgres(config, folder, use, say);
    const db = createDatabase({ url, max: 2 });
    try {
      const known = await db.withSystem('list orgs to verify', (tx) =>
        tx.select({ id: orgs.id, name: orgs.name }).from(orgs),
      );
      const lost = new Set(points.map(({ orgId }) => orgId).filter((id) => !known.some((org) => org.id === id)));
      for (const id of lost) say(`Organisation ${id} has checkpoints but is gone from the database.`);
      let isWhole = lost.size === 0;
      for (const { id, name } of known) {
        const own = points.filter(({ orgId }) => orgId === id);
        const verdict = await verifyChain((fn) => db.withSystem('verify the audit', fn), id, keys, own);
        say(`${name} (${id}): ${tell(verdict)}`);
        isWhole &&= verdict.badSeq === null;
      }
      return isWhole;
    } finally {
      await db.close();
    }
  } finally {
    await use.leave();
  }
}

const tell = ({ rows, hash, badSeq, why }: AuditVerdict): string =>
  badSeq === null
    ? `${rows} rows, all whole. The last has hash ${hash}.`
    : `row ${badSeq} does not hold: ${why}. The ${rows} before it do.`;

/** Checkpoints kept outside the database. A last line that a crash cut off counts for nothing. */
async function readPoints(file: string): Promise<Point[]> {
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  return lines.flatMap((line, at) => {
    try {
      return [zPoint.parse(JSON.parse(line))];
    } catch {
      say(`${file}: line ${at + 1} is not a checkpoint and was left out.`);
      return [];
    }
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
  (isWhole) => process.exit(isWhole ? 0 : 1),
  (error: unknown) => {
    const stack = error instanceof Error ? error.stack : '';
    process.stderr.write(`${error instanceof UserError ? error.message : `${errorText(error)}\n${stack}`}\n`);
    process.exit(1);
  },
);
