import type { Config } from '#core/config.ts';
import { PlatformFailure } from '#core/errors.ts';
import { fromNetwork, fromStatus } from './failure.ts';
import { fileAddress } from './hosts.ts';
import type { SlackFile } from './types.ts';

/** A file of some MB over a slow line. */
const TIMEOUT_MS = 30_000;
const MAX_REDIRECTS = 3;

const refused = (code: string, detail?: string) => new PlatformFailure('refused', code, detail ? { detail } : {});

interface Wanted {
  token: string;
  maxBytes: number;
  signal?: AbortSignal;
}

/** The bytes at an address of Slack's files, as many as `maxBytes`; the token goes nowhere else, whatever the address redirects to. */
export async function downloadFile(
  config: Pick<Config, 'SLACK_API_URL'>,
  url: string,
  wanted: Wanted,
): Promise<SlackFile> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const signal = wanted.signal ? AbortSignal.any([wanted.signal, timeout]) : timeout;
  let at = fileAddress(config, url);
  if (!at) throw refused('not_slack');
  for (let hop = 0; hop <= MAX_REDIRECTS; hop += 1) {
    const answer = await ask(at, wanted.token, signal);
    const location = answer.status >= 300 && answer.status < 400 ? answer.headers.get('location') : null;
    if (location === null) return read(answer, wanted.maxBytes);
    await answer.body?.cancel();
    at = fileAddress(config, URL.parse(location, at.href)?.href ?? '');
    // Without the right to the file Slack sends to its sign-in page.
    if (!at) throw refused('not_a_file', 'it leads elsewhere');
  }
  throw refused('not_a_file', 'it redirects too often');
}

async function ask(url: URL, token: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers: { authorization: `Bearer ${token}` }, redirect: 'manual', signal });
  } catch (error) {
    throw fromNetwork(error);
  }
}

async function read(answer: Response, maxBytes: number): Promise<SlackFile> {
  const mimeType =
    (answer.headers.get('content-type') ?? 'application/octet-stream').split(';')[0]?.trim().toLowerCase() ?? '';
  const problem = problemOf(answer, mimeType, maxBytes);
  if (problem) {
    await answer.body?.cancel();
    throw problem;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    // Leaving the loop early ends the download.
    for await (const chunk of answer.body ?? []) {
      length += chunk.byteLength;
      if (length > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
  } catch (error) {
    throw error instanceof PlatformFailure ? error : fromNetwork(error);
  }
  return { bytes: Buffer.concat(chunks), mimeType };
}

const tooLarge = (maxBytes: number) => refused('file_too_large', `more than ${maxBytes} bytes`);

function problemOf(answer: Response, mimeType: string, maxBytes: number): PlatformFailure | undefined {
  if (answer.status === 404) return refused('file_not_found');
  if (answer.status !== 200) return fromStatus(answer.status, answer.headers.get('retry-after'));
  if (mimeType === 'text/html' || mimeType === 'application/xhtml+xml')
    return refused('not_a_file', 'a page came instead of the file');
  return Number(answer.headers.get('content-length') ?? 0) > maxBytes ? tooLarge(maxBytes) : undefined;
}
