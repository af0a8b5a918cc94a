import { defineConfig } from 'vitest/config';

// Two kinds: what needs a database at most, and whole journeys that need Temporal and the workflow bundle too.
export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // By default one less than there are cores, and most tests wait more than they compute.
    maxWorkers: 3,
    reporters: ['default', ['json', { outputFile: 'test/.cache/results.json' }]],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Nothing here changes a module's state, and importing them anew for each file took 40 % of the time.
          isolate: false,
          include: [
            '{core,db,activities,workflows,web,bots,scripts,bench,docs,test/setup,test/fakes,test/slack}/**/*.test.ts',
          ],
          exclude: ['**/*.journey.test.ts'],
          globalSetup: ['./test/setup/postgres.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'journeys',
          include: ['test/journeys/**/*.test.ts'],
          globalSetup: ['./test/setup/postgres.ts', './test/setup/temporal.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
