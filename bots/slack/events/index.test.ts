import { expect, test } from 'vitest';
import { BOT_EVENTS } from '#activities/chat/render/slack/manifest.ts';
import { earFor } from './index.ts';

test('the app asks for no event that nobody here hears', () => {
  const unheard = BOT_EVENTS.filter((event) => earFor(event.replace(/^message\..+$/, 'message')) === undefined);
  expect(unheard).toEqual([]);
});
