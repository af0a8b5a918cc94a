import path from 'node:path';
import { defineConfig } from 'vitest/config';

// `npm run test:chaos`: the kills of test/journeys/crash.test.ts, ten rounds of each.
export default defineConfig({
  root: path.resolve(import.meta.dirname, '../..'),
  test: {
    include: ['test/journeys/crash.test.ts'],
    env: { ABETWORKS_CHAOS_ROUNDS: process.env['ABETWORKS_CHAOS_ROUNDS'] ?? '10' },
    globalSetup: ['./test/setup/postgres.ts', './test/setup/temporal.ts'],
    hookTimeout: 120_000,
  },
});
