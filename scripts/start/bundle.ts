import { bundleWorkflowCode } from '@temporalio/worker';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '#core/hash.ts';
import { failureConverterPath } from '#workflows/data-converter.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The workflow bundle, built once for what it is built from (RULES S4): bundling takes seconds, reading it milliseconds. */
export async function workflowBundle(
  cacheFolder: string,
  onProgress: (line: string) => void = () => {},
): Promise<{ codePath: string }> {
  const codePath = path.join(cacheFolder, `workflows-${await sourceHash()}.js`);
  const isThere = await readFile(codePath).then(
    () => true,
    () => false,
  );
  if (isThere) return { codePath };
  onProgress('Bundling the workflows (once for each version)');
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
