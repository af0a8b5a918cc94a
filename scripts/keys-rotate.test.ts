import { expect, test } from 'vitest';
import { describeUse } from './keys-rotate.ts';

test('an old key is said to be needed, with everything that needs it and until when, or to be free', () => {
  expect(describeUse('k1', { credentials: 3, audits: 2 }, 4, { n: 5, until: new Date('2026-01-02T03:04:05Z') })).toBe(
    'k1 is still needed by: 3 credentials (run this again); the audit checkpoints of 2 organisations (run this again); 4 running workflows, until they end; 5 answers kept for repeated requests, until 2026-01-02T03:04:05.000Z.',
  );
  expect(describeUse('k1')).toMatch(/^k1 is not needed any more: take it out of ABETWORKS_KEYS/);
});
