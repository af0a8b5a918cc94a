import { setTimeout as pause } from 'node:timers/promises';
import { PlatformFailure } from '#core/errors.ts';
import { ATTACHMENT_LIMITS, inMb } from './limits.ts';

/** A platform's way to hand out files, with the token of one tenant of one org. Throws `PlatformFailure`: refused 'file_too_large', 'not_a_file', …. */
export interface PlatformFiles {
  download(
    at: { orgId: string; tenant: string },
    url: string,
    options: { maxBytes: number; signal?: AbortSignal },
  ): Promise<{ bytes: Uint8Array; mimeType: string }>;
}

const TRIES = 3;
/** Between tries; where the platform asks for more, that, up to `MOST_WAIT_MS`. */
const WAIT_MS = 300;
const MOST_WAIT_MS = 15_000;

/** Calls a platform, a few times when it may answer later. Throws its last `PlatformFailure`, or the signal's reason. */
export async function insistently<T>(call: () => Promise<T>, signal: AbortSignal, tries = TRIES): Promise<T> {
  for (let tried = 1; ; tried += 1) {
    try {
      signal.throwIfAborted();
      return await call();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof PlatformFailure) || error.kind === 'refused' || tried >= tries) throw error;
      const waitMs = error.retryAfterMs ?? WAIT_MS * 2 ** tried;
      if (waitMs > MOST_WAIT_MS) throw error;
      await pause(waitMs, undefined, { signal });
    }
  }
}

/** Why a file was not handed out, in a sentence; `mimeType`: what it is said to be. */
export function whyNotFetched(error: PlatformFailure, mimeType = ''): string {
  if (error.code === 'file_too_large') return tooLarge();
  if (error.code === 'not_a_file' && /html/.test(mimeType))
    return 'Web pages are not taken as files. Send its text, or a PDF of it.';
  if (error.code === 'not_a_file')
    return 'A web page came in its place, so the app may not read files here. An admin can add that right.';
  if (error.kind === 'limited') return 'It was asked for too often just now. Send it again in a minute.';
  if (error.kind === 'refused') return `It was not handed out (${error.code.slice(0, 60)}). Send it again.`;
  return 'It could not be fetched. Send it again.';
}

export const tooLarge = (size?: number): string =>
  `${size === undefined ? 'It is too large' : `It has ${inMb(size)}`}; files of up to ${inMb(ATTACHMENT_LIMITS.fileBytes)} are read.`;
