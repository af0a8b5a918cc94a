import { list, oneOf, only, string, token, type Complaints } from './complaints.ts';
import type { Json } from './words.ts';

// Sources: docs.slack.dev/reference/block-kit, rich text block and the elements it names (where each may stand, styles, indent 0 to 8).
// That an empty rich text and an empty text are refused: stoiveyp/Slack.NetStandard#100 and Slack's own "must be more than 0 characters".
const CONTAINERS = ['rich_text_section', 'rich_text_list', 'rich_text_preformatted', 'rich_text_quote'];
const LEAVES: Record<string, string> = {
  text: 'text style',
  link: 'url text unsafe style',
  date: 'timestamp format timezone url fallback style',
  emoji: 'name unicode url style skin_tone',
  user: 'user_id style',
  usergroup: 'usergroup_id style',
  channel: 'channel_id style',
  team: 'team_id style',
  broadcast: 'range style',
  color: 'value style',
};
const STYLES = 'bold italic strike code underline highlight client_highlight unlink';
const URL_LENGTH = 3000;
const INDENT = 8;

/** What Slack says against a rich text block, beyond its characters. */
export function richText(on: Complaints, block: Json, path: string): void {
  only(on, block, path, 'elements');
  for (const [index, one] of list(on, block['elements'], `${path}/elements`, 1000).entries())
    container(on, one, `${path}/elements/${index}`);
}

function container(on: Complaints, one: Json, path: string): void {
  const { type } = one;
  oneOf(on, type ?? '', `${path}/type`, CONTAINERS);
  if (type === 'rich_text_list') {
    only(on, one, path, 'elements style indent offset border');
    oneOf(on, one['style'] ?? '', `${path}/style`, ['bullet', 'ordered']);
    if (!isWithin(one['indent'] ?? 0, INDENT)) on.say(`must be 0 to ${INDENT}`, `${path}/indent`);
    if (!isWithin(one['offset'] ?? 0, Number.MAX_SAFE_INTEGER)) on.say('must be a number', `${path}/offset`);
    for (const [index, item] of list(on, one['elements'], `${path}/elements`, 1000).entries())
      if (item['type'] === 'rich_text_section') container(on, item, `${path}/elements/${index}`);
      else on.say('must be a rich_text_section', `${path}/elements/${index}`);
    return;
  }
  only(on, one, path, type === 'rich_text_section' ? 'elements' : 'elements border language');
  for (const [index, leaf] of list(on, one['elements'], `${path}/elements`, 1000).entries())
    check(
      on,
      leaf,
      `${path}/elements/${index}`,
      type === 'rich_text_preformatted' ? ['text', 'link'] : Object.keys(LEAVES),
    );
}

function check(on: Complaints, leaf: Json, path: string, allowed: string[]): void {
  const type = String(leaf['type']);
  oneOf(on, type, `${path}/type`, allowed);
  const known = LEAVES[type];
  if (known === undefined) return;
  only(on, leaf, path, known);
  if (leaf['style'] !== undefined) only(on, leaf['style'], `${path}/style`, STYLES);
  if (type === 'text') string(on, leaf['text'], `${path}/text`, Number.POSITIVE_INFINITY, 1);
  if (type === 'date' && !isWithin(leaf['timestamp'], 1e11)) on.say('must be seconds', `${path}/timestamp`);
  if (type === 'date' && !/\{\w+\}/.test(String(leaf['format']))) on.say('must hold a token', `${path}/format`);
  if (type !== 'link') return;
  token(on, leaf['url'] ?? null, `${path}/url`, URL_LENGTH);
  if (leaf['text'] !== undefined) string(on, leaf['text'], `${path}/text`, Number.POSITIVE_INFINITY, 1);
}

const isWithin = (value: unknown, max: number): boolean =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
