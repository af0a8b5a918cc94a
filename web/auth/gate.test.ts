import { expect, test } from 'vitest';
import { createGate } from './gate.ts';

test('a flood of sign-ins is turned away at once, and those let in all get their turn', async () => {
  const gate = createGate({ most: 2, waiting: 3 });
  const open: (() => void)[] = [];
  let most = 0;
  let inside = 0;
  const tries = Array.from({ length: 20 }, (_, n) =>
    gate(async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise<void>((resolve) => open.push(resolve));
      inside -= 1;
      return n;
    }),
  );
  const ended = Promise.all(tries);
  for (let n = 0; n < 5; n += 1) {
    while (open.length === 0) await Promise.resolve();
    open.shift()?.();
  }
  const answers = await ended;
  expect(answers.filter((answer) => answer !== null)).toEqual([0, 1, 2, 3, 4]);
  expect(most).toBeLessThanOrEqual(2);
});
