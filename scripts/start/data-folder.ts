import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '#core/errors.ts';
import { newKeyRingText, parseKeyRing, type KeyRing } from '#core/keys.ts';

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

/** Makes the folder if needed. Throws `UserError` when it cannot be used. */
export async function openDataFolder(folder: string): Promise<string> {
  const full = path.resolve(folder);
  try {
    await mkdir(full, { recursive: true, mode: 0o755 });
    const probe = path.join(full, `.probe-${process.pid}`);
    await writeFile(probe, '');
    await rm(probe);
    return full;
  } catch (error) {
    throw new UserError(
      `The data folder ${full} cannot be used (${codeOf(error) ?? 'unknown'}). Make it a folder this user may write, or set ABETWORKS_DATA_DIR.`,
    );
  }
}

/**
 * `ABETWORKS_KEYS`, or the ring made at the first start and kept 0600 in the data folder. Throws `UserError` when there is none and none may be
 * made, or the kept one cannot be read.
 */
export async function readKeys(
  folder: string,
  configured: string | undefined,
  { mayMake = true } = {},
): Promise<KeyRing> {
  if (configured) return parseKeyRing(configured);
  const file = path.join(folder, 'keys');
  try {
    if (mayMake) await makeOnce(file, newKeyRingText());
    return parseKeyRing((await readFile(file, 'utf8')).trim());
  } catch (error) {
    const why = error instanceof UserError ? error.message : (codeOf(error) ?? 'unknown');
    throw new UserError(
      `The encryption keys in ${file} cannot be read (${why}). Restore the file from a backup, or set ABETWORKS_KEYS.`,
    );
  }
}

/** Writes the file whole or not at all: of two first starts one makes it, and a crash leaves no half of it. */
async function makeOnce(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, text, { mode: 0o600 });
  try {
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
