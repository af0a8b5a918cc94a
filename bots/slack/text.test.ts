import { expect, test } from 'vitest';
import { callsAnother, mentionsIn } from './text.ts';

test('who is called is told by ids', () => {
  expect(mentionsIn('<@UBOT> ask <@U1|ana>')).toEqual(['UBOT', 'U1']);
  expect(callsAnother('<@U1> can you?', 'UBOT')).toBe(true);
  expect(callsAnother(' <!subteam^S1> look', 'UBOT')).toBe(true);
  expect(callsAnother('<@UBOT> can you?', 'UBOT')).toBe(false);
  expect(callsAnother('can <@U1>?', 'UBOT')).toBe(false);
});
