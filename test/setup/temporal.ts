import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { workflowBundle } from '#scripts/start/bundle.ts';
import { findTemporalBinary } from '#scripts/temporal/index.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    temporal: { binary: string; cache: string };
  }
}

/** Fetches the server's binary and bundles the workflows once; each journey then starts a server of its own in half a second. */
export default async function setup(project: TestProject): Promise<void> {
  const cache = path.resolve('test/.cache');
  const [binary] = await Promise.all([
    findTemporalBinary({ onProgress: (line) => process.stdout.write(`${line}\n`) }),
    workflowBundle(cache),
  ]);
  project.provide('temporal', { binary, cache });
}
