import { expect, test } from 'vitest';
import { BOT_EVENTS } from '#activities/chat/render/slack/manifest.ts';
import { earFor } from './index.ts';

test('the app asks for no event on which nothing happens, but what Slack wants of every agent', () => {
  const unheard = BOT_EVENTS.filter((event) => earFor(event.replace(/^message\..+$/, 'message')) === undefined);
  expect(unheard).toEqual(['app_context_changed']);
});
