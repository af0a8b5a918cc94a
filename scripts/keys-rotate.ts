import { appendFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { readConfig } from '#core/config.ts';
import { errorText, UserError } from '#core/errors.ts';
import { createDatabase } from '#db/client.ts';
import { checkKeyRing } from '#db/key-check.ts';
import { readKeptAnswers, readKeyUse, rotateKeys, type KeyUse } from '#db/rotate.ts';
import { openDataFolder, readKeys } from './start/data-folder.ts';
import { openPostgres } from './start/database.ts';
import { useFolder } from './start/folder-users.ts';
import { keysOfRunning } from './start/history-keys.ts';
import { openTemporal } from './start/servers.ts';

// `npm run keys:rotate`: seals everything stored with the newest key of the ring, and says which older keys are still needed and by what (RULES
// D5). The product may run beside it, once every role of it was started with the same ring.

async function main(): Promise<void> {
  const config = readConfig(process.env);
  const folder = await openDataFolder(config.ABETWORKS_DATA_DIR);
  const keys = await readKeys(folder, config.ABETWORKS_KEYS, { mayMake: false });
  const use = await useFolder(folder, ['keys']);
  try {
    const { url } = await openPostgres(config, folder, use, say);
    const db = createDatabase({ url, max: 2 });
    try {
      await checkKeyRing(db, keys);
      const { credentials } = await rotateKeys(db, keys, {
        keepCheckpoint: (line) =>
          appendFile(path.join(folder, 'audit-checkpoints.jsonl'), `${line}\n`, { mode: 0o600 }),
        onBatch: (n) => say(`${n} credentials sealed with ${keys.newest}`),
      });
      say(
        credentials === 0
          ? `Nothing was left to seal: all is under ${keys.newest}.`
          : `Done: ${credentials} credentials.`,
      );
      const older = keys.ids.filter((id) => id !== keys.newest);
      if (older.length === 0) return;
      const temporal = await openTemporal(config, keys, folder, use, { hasWorker: false, onProgress: say });
      try {
        const [stored, answers, running] = await Promise.all([
          readKeyUse(db),
          readKeptAnswers(db),
          keysOfRunning(temporal.client.connection, temporal.namespace),
        ]);
        for (const keyId of older)
          say(describeUse(keyId, stored.get(keyId), running.get(keyId) ?? 0, answers.get(keyId)));
      } finally {
        await temporal.close();
      }
    } finally {
      await db.close();
    }
  } finally {
    await use.leave();
  }
}

/** One line: what still needs the key, or that it may leave. */
export function describeUse(
  keyId: string,
  stored: KeyUse = { credentials: 0, audits: 0 },
  running = 0,
  answers?: { n: number; until: Date },
): string {
  const needs = [
    stored.credentials > 0 && `${stored.credentials} credentials (run this again)`,
    stored.audits > 0 && `the audit checkpoints of ${stored.audits} organisations (run this again)`,
    running > 0 && `${running} running workflows, until they end`,
    answers && `${answers.n} answers kept for repeated requests, until ${answers.until.toISOString()}`,
  ].filter((need) => need !== false && need !== undefined);
  return needs.length > 0
    ? `${keyId} is still needed by: ${needs.join('; ')}.`
    : `${keyId} is not needed any more: take it out of ABETWORKS_KEYS and restart every role. Keep it with the backups that were made under it.`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      const stack = error instanceof Error ? error.stack : '';
      process.stderr.write(`${error instanceof UserError ? error.message : `${errorText(error)}\n${stack}`}\n`);
      process.exit(1);
    },
  );
