import { PROMPTS } from '#activities/chat/render/slack/manifest.ts';

/** What somebody who opens a conversation can ask; Slack shows four at most. The same as in the app's manifest. */
export const SUGGESTED_PROMPTS = { title: 'What shall I do?', prompts: PROMPTS };
