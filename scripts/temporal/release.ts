import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { cliVersion } from './version.ts';

const execute = promisify(execFile);

/** The CLI's own releases: `<url>/v<version>/temporal_cli_<version>_<os>_<cpu>.tar.gz`, with `checksums.txt` beside it. */
export const officialReleases = 'https://github.com/temporalio/cli/releases/download';

/** A machine without the internet must move on quickly, so the first, tiny answer has to come this fast. */
const firstAnswerMs = 4000;
const stallMs = 20_000;

export interface ReleaseSource {
  releasesUrl: string;
  env: NodeJS.ProcessEnv;
  onProgress: (line: string) => void;
}

/** Downloads and checks the official archive for this machine and gives the path of the unpacked binary. */
export async function fetchRelease(folder: string, source: ReleaseSource): Promise<string> {
  const archiveName = `temporal_cli_${cliVersion}_${process.platform}_${cpuName()}.tar.gz`;
  const release = `${source.releasesUrl}/v${cliVersion}`;
  const expected = await publishedSha256(`${release}/checksums.txt`, archiveName);

  source.onProgress(`Downloading the Temporal CLI ${cliVersion} (about 45 MB, kept for next time)`);
  const archive = join(folder, archiveName);
  const actual = await download(`${release}/${archiveName}`, archive, source.onProgress);
  if (actual !== expected) throw new Error(`${archiveName} does not match its published sha256`);

  await execute('tar', ['-xzf', archive, '-C', folder, 'temporal'], { env: source.env });
  return join(folder, 'temporal');
}

function cpuName(): string {
  if (process.arch === 'x64') return 'amd64';
  if (process.arch === 'arm64') return 'arm64';
  throw new Error(`there is no build for ${process.platform} on ${process.arch}`);
}

async function publishedSha256(url: string, archiveName: string): Promise<string> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(firstAnswerMs) });
  if (!answer.ok) throw new Error(`checksums.txt answered ${answer.status}`);
  for (const line of (await answer.text()).split('\n')) {
    const [sha256, name] = line.trim().split(/\s+\*?/);
    if (sha256 && name === archiveName) return sha256;
  }
  throw new Error(`checksums.txt does not name ${archiveName}`);
}

/** Streams `url` into `file`, telling each tenth, and gives the sha256 of what came. Fails when nothing comes for 20 s. */
async function download(url: string, file: string, onProgress: (line: string) => void): Promise<string> {
  const stalled = new AbortController();
  const timer = setTimeout(() => stalled.abort(new Error('the download stalled')), stallMs);
  try {
    const answer = await fetch(url, { signal: stalled.signal });
    if (!answer.ok || !answer.body) throw new Error(`the download answered ${answer.status}`);
    const total = Number(answer.headers.get('content-length') ?? 0);
    const hash = createHash('sha256');
    let received = 0;
    let told = 0;
    const watch = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        timer.refresh();
        hash.update(chunk);
        received += chunk.length;
        const tenth = total > 0 ? Math.floor((received / total) * 10) : 0;
        if (tenth > told) onProgress(`Downloading the Temporal CLI: ${tenth * 10} %`);
        told = Math.max(told, tenth);
        done(null, chunk);
      },
    });
    await pipeline(Readable.fromWeb(answer.body), watch, createWriteStream(file));
    return hash.digest('hex');
  } finally {
    clearTimeout(timer);
  }
}
