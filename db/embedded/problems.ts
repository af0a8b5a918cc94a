import { UserError } from '#core/errors.ts';

/** Whether a system or PostgreSQL error carries one of these codes. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}

/** Turns what the system answered into one line with the next step; what it does not know stays as it is. */
export function explain(error: unknown, dir: string): unknown {
  if (error instanceof UserError) return error;
  const path = error instanceof Error && 'path' in error && typeof error.path === 'string' ? error.path : dir;
  const remedy = remedyFor(error, path);
  return remedy === undefined ? error : new UserError(remedy, { cause: error });
}

/** The same for the output of initdb or postgres. Never returns nothing: the last line said is better than silence. */
export function explainOutput(output: string, dir: string, logPath?: string): UserError {
  if (/No space left on device/.test(output)) return new UserError(diskFull(dir));
  if (/could not look up effective user ID/.test(output)) {
    return new UserError(
      'PostgreSQL needs the user it runs as to have an entry in /etc/passwd, and this one has none. Run as a named user, or set DATABASE_URL.',
    );
  }
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const said = lines.findLast((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.at(-1) ?? 'it gave no reason';
  const where = logPath === undefined ? '' : ` The log is ${logPath}.`;
  return new UserError(
    `The local PostgreSQL did not start: ${said.trim()}.${where} Or set DATABASE_URL to another one.`,
  );
}

function remedyFor(error: unknown, path: string): string | undefined {
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return diskFull(path);
  if (hasCode(error, 'EACCES', 'EPERM')) {
    return `Cannot read or write ${path}: it belongs to another user. Run as that user, give yourself the folder (chown -R), or set ABETWORKS_DATA_DIR to another one.`;
  }
  if (hasCode(error, 'EROFS'))
    return `Cannot write ${path}: the disk is read-only. Set ABETWORKS_DATA_DIR to another folder.`;
  if (hasCode(error, 'ENOTDIR', 'ELOOP', 'EEXIST')) {
    return `${path} cannot be used as a folder. Move it away, or set ABETWORKS_DATA_DIR to another folder.`;
  }
  return undefined;
}

function diskFull(path: string): string {
  return `The disk that holds ${path} is full. Free some space and start again.`;
}
