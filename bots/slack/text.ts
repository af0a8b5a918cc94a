import { LEADING_MENTION } from '#activities/chat/render/slack/plain-text.ts';

const MENTION = /<@([A-Z0-9]+)(?:\|([^>]*))?>/g;
/** Whom a text mentions, by id, in order. */
export const mentionsIn = (text: string): string[] => [...text.matchAll(MENTION)].map(([, id = '']) => id);

/** Whether a text begins by calling somebody, or a group, that is not `botUserId`. */
export function callsAnother(text: string, botUserId: string | undefined): boolean {
  const start = text.trimStart();
  if (/^<!(subteam|here|channel|everyone)\b/.test(start)) return true;
  const called = LEADING_MENTION.exec(start)?.[1];
  return called !== undefined && called !== botUserId;
}
