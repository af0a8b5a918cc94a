import { expect, test } from 'vitest';
import { createLog } from './log.ts';

const write = (format?: 'json' | 'text', isTTY = false) => {
  const lines: string[] = [];
  const log = createLog('debug', { format, target: { write: (line) => void lines.push(line), isTTY } });
  return { log, lines };
};

const asJson = /^\{"level":"warn","time":"[^"]+Z","runId":"r1","attempts":2,"msg":"restarted"\}\n$/;
const asText = /^\d\d:\d\d:\d\d warn restarted runId=r1 attempts=2\n$/;

test.each([
  [undefined, false, asJson],
  [undefined, true, asText],
  ['json', true, asJson],
  ['text', false, asText],
] as const)('format %s, at a terminal %s: JSON for machines, words for people', (format, isTTY, expected) => {
  const { log, lines } = write(format, isTTY);
  log.warn({ runId: 'r1', attempts: 2 }, 'restarted');
  expect(lines).toEqual([expect.stringMatching(expected)]);
});

test('what could hold a secret, or what somebody wrote, is left out, at the top and one level down', () => {
  const { log, lines } = write('json');
  const secret = {
    password: 'canary',
    token: 'canary',
    authorization: 'canary',
    credential: { a: 'canary' },
    text: 'canary',
  };
  log.debug({ ...secret, connection: secret, apiKey: 'canary', cookie: 'canary', payload: 'canary' }, 'a line');
  expect(lines[0]).toContain('[redacted]');
  expect(lines[0]).not.toContain('canary');
});
