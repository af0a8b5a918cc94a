import { bundleWorkflowCode } from '@temporalio/worker';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '#core/hash.ts';
import { failureConverterPath } from '#workflows/data-converter.ts';

const root = path.resolve(import.meta.dirname, '../..');

/**
 * The workflow bundle, built once for what it is built from (RULES S4): bundling takes seconds, reading it milliseconds. `apart`: in a process of its
 * own, since the bundler would leave 100 MB behind in this one.
 */
export async function workflowBundle(
  cacheFolder: string,
  onProgress: (line: string) => void = () => {},
  { apart = false } = {},
): Promise<{ codePath: string }> {
  const codePath = path.join(cacheFolder, `workflows-${await sourceHash()}.js`);
  const isThere = () =>
    readFile(codePath).then(
      () => true,
      () => false,
    );
  if (await isThere()) return { codePath };
  onProgress('Bundling the workflows (once for each version)');
  if (apart) {
    const said = await bundleApart(cacheFolder);
    if (await isThere()) return { codePath };
    throw new Error(`the workflows could not be bundled: ${said}`);
  }
  const { code } = await bundleWorkflowCode({
    workflowsPath: path.join(root, 'workflows/index.ts'),
    failureConverterPath,
    logger: {
      log: () => {},
      trace: () => {},
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message) => onProgress(message),
    },
  });
  await mkdir(cacheFolder, { recursive: true });
  const draft = `${codePath}.${process.pid}`;
  await writeFile(draft, code);
  await rename(draft, codePath);
  return { codePath };
}

/** What the process said, once it has ended. */
function bundleApart(cacheFolder: string): Promise<string> {
  const child = spawn(process.execPath, [path.join(root, 'scripts/bundle.ts'), cacheFolder], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve(said));
  });
}

/** Everything a bundle depends on: the workflows, core, and the pinned SDK. */
async function sourceHash(): Promise<string> {
  const parts: string[] = [];
  for (const folder of ['workflows', 'core']) {
    const names = (await readdir(path.join(root, folder)))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .toSorted();
    for (const name of names) parts.push(name, await readFile(path.join(root, folder, name), 'utf8'));
  }
  parts.push(await readFile(path.join(root, 'package-lock.json'), 'utf8'));
  return sha256(parts.join('\n')).slice(0, 16);
}
