import {
  createComplaints,
  list,
  oneOf,
  only,
  optionalString,
  optionalText,
  string,
  text,
  token,
  type Complaints,
} from './complaints.ts';
import { element } from './elements.ts';
import { richText } from './rich.ts';
import { isObject, type Json } from './words.ts';

// Limits: descriptions in @slack/types 3.2 (blocks, views); the total of a message: slackapi/bolt-js issue 2509.
export const MESSAGE_BLOCKS = 50;
const VIEW_BLOCKS = 100;
const BLOCK_ID = 255;
export const MARKDOWN = 12_000;
export const MESSAGE_TOTAL = 13_200;
const TABLE_TOTAL = 10_000;
const TITLE = 24;
const PRIVATE_METADATA = 3000;

type Check = (on: Complaints, block: Json, path: string) => void;
const ONLY_MESSAGES = new Set(
  'markdown table data_table context_actions task_card plan card carousel container file'.split(' '),
);
const IN_CONTAINERS = new Set(
  'actions context divider file header image input rich_text section table video'.split(' '),
);

const CHECKS: Record<string, Check> = {
  divider: (on, block, path) => only(on, block, path, ''),
  header: (on, block, path) => {
    only(on, block, path, 'text level');
    text(on, block['text'], `${path}/text`, 150, 'plain_text');
  },
  section: (on, block, path) => {
    only(on, block, path, 'text fields accessory expand');
    if (!block['text'] && !block['fields']) on.say('missing text or fields', path);
    optionalText(on, block['text'], `${path}/text`, 3000);
    if (block['fields'])
      for (const [index, field] of list(on, block['fields'], `${path}/fields`, 10).entries())
        text(on, field, `${path}/fields/${index}`, 2000);
    if (block['accessory']) element(on, block['accessory'], `${path}/accessory`, 'accessory');
  },
  context: (on, block, path) => {
    only(on, block, path, 'elements');
    for (const [index, one] of list(on, block['elements'], `${path}/elements`, 10).entries())
      if (one['type'] === 'image') element(on, one, `${path}/elements/${index}`, 'accessory');
      else text(on, one, `${path}/elements/${index}`, 3000);
  },
  actions: (on, block, path) => elements(on, block, path, 25, 'actions'),
  context_actions: (on, block, path) => elements(on, block, path, 5, 'context_actions'),
  input: (on, block, path) => {
    only(on, block, path, 'label hint optional element dispatch_action');
    text(on, block['label'], `${path}/label`, 2000, 'plain_text');
    optionalText(on, block['hint'], `${path}/hint`, 2000, 'plain_text');
    element(on, block['element'], `${path}/element`, 'input');
  },
  image: (on, block, path) => {
    only(on, block, path, 'image_url slack_file alt_text title');
    string(on, block['alt_text'], `${path}/alt_text`, 2000, 1);
    token(on, block['image_url'], `${path}/image_url`, 3000);
    optionalText(on, block['title'], `${path}/title`, 2000, 'plain_text');
  },
  markdown: (on, block, path) => {
    only(on, block, path, 'text');
    string(on, block['text'], `${path}/text`, MARKDOWN, 1);
    on.markdownCharacters += String(block['text']).length;
  },
  rich_text: richText,
  table: (on, block, path) => {
    only(on, block, path, 'rows column_settings');
    rows(on, block, path, 100);
    if (block['column_settings']) list(on, block['column_settings'], `${path}/column_settings`, 20, 0);
  },
  data_table: (on, block, path) => {
    only(on, block, path, 'rows caption page_size row_header_column_index');
    string(on, block['caption'], `${path}/caption`, 1000, 1);
    rows(on, block, path, 201);
  },
  alert: (on, block, path) => {
    only(on, block, path, 'text level');
    text(on, block['text'], `${path}/text`, 3000);
    oneOf(on, block['level'], `${path}/level`, ['default', 'info', 'warning', 'error', 'success']);
  },
  card: (on, block, path) => {
    only(on, block, path, 'hero_image icon title subtitle body actions');
    optionalText(on, block['title'], `${path}/title`, 150, 'mrkdwn');
    optionalText(on, block['subtitle'], `${path}/subtitle`, 150, 'mrkdwn');
    optionalText(on, block['body'], `${path}/body`, 200, 'mrkdwn');
    for (const [index, one] of (block['actions'] ?? []).entries()) element(on, one, `${path}/actions/${index}`, 'card');
  },
  carousel: (on, block, path) => {
    only(on, block, path, 'elements');
    for (const [index, one] of list(on, block['elements'], `${path}/elements`, 10).entries())
      if (one['type'] === 'card') check(on, one, `${path}/elements/${index}`);
      else on.say('must be a card', `${path}/elements/${index}`);
  },
  container: (on, block, path) => {
    only(
      on,
      block,
      path,
      'title rich_text_title subtitle child_blocks width icon is_collapsible default_collapsed has_header_divider',
    );
    optionalText(on, block['title'], `${path}/title`, 150, 'plain_text');
    optionalText(on, block['subtitle'], `${path}/subtitle`, 150);
    for (const [index, one] of list(on, block['child_blocks'], `${path}/child_blocks`, 10).entries())
      if (IN_CONTAINERS.has(String(one['type']))) check(on, one, `${path}/child_blocks/${index}`);
      else on.say(`unsupported child block: ${one['type']}`, `${path}/child_blocks/${index}`);
  },
  task_card: (on, block, path) => {
    only(on, block, path, 'task_id title details output sources status');
    token(on, block['task_id'], `${path}/task_id`, 255);
    string(on, block['title'], `${path}/title`, 3000, 1);
    oneOf(on, block['status'], `${path}/status`, ['pending', 'in_progress', 'complete', 'error']);
    for (const part of ['details', 'output'])
      if (block[part] && block[part].type !== 'rich_text') on.say('must be a rich_text block', `${path}/${part}`);
  },
  plan: (on, block, path) => {
    only(on, block, path, 'title tasks');
    string(on, block['title'], `${path}/title`, 3000, 1);
    for (const [index, one] of (block['tasks'] ?? []).entries()) check(on, one, `${path}/tasks/${index}`);
  },
  video: (on, block, path) => {
    text(on, block['title'], `${path}/title`, 200, 'plain_text');
    optionalString(on, block['alt_text'], `${path}/alt_text`, 2000);
  },
};

function elements(on: Complaints, block: Json, path: string, max: number, place: 'actions' | 'context_actions'): void {
  only(on, block, path, 'elements');
  const seen = new Set<string>();
  for (const [index, one] of list(on, block['elements'], `${path}/elements`, max).entries()) {
    element(on, one, `${path}/elements/${index}`, place);
    if (one['action_id'] && seen.has(one['action_id'])) on.say(`action_id already exists: ${one['action_id']}`, path);
    if (one['action_id']) seen.add(one['action_id']);
  }
}

function rows(on: Complaints, block: Json, path: string, max: number): void {
  const all: unknown = block['rows'];
  if (!Array.isArray(all) || all.length === 0) return on.say('must be an array of rows', `${path}/rows`);
  if (all.length > max) on.say(`no more than ${max} rows allowed`, `${path}/rows`);
  for (const [index, row] of all.entries())
    for (const cell of list(on, row, `${path}/rows/${index}`, 20)) {
      oneOf(on, cell['type'], `${path}/rows/${index}`, ['raw_text', 'raw_number', 'rich_text']);
      const shown = leaves(cell);
      if (cell['type'] === 'raw_text' && shown === '')
        on.say('must be more than 0 characters', `${path}/rows/${index}`);
      on.characters += shown.length;
      on.tableCharacters += shown.length;
    }
}

const leaves = (value: unknown): string => {
  if (Array.isArray(value)) return value.map(leaves).join('');
  if (!isObject(value)) return '';
  const own = typeof value['text'] === 'string' ? value['text'] : '';
  return own + Object.values(value).map(leaves).join('');
};

function check(on: Complaints, block: unknown, path: string): void {
  if (!isObject(block)) return on.say('must be an object', path);
  const type = String(block['type']);
  const own = CHECKS[type];
  // A file block cannot be posted by an app.
  if (!own) return on.say(`unsupported type: ${type}`, `${path}/type`);
  if (on.surface !== 'message' && ONLY_MESSAGES.has(type)) on.say(`${type} is for messages`, `${path}/type`);
  token(on, block['block_id'], `${path}/block_id`, BLOCK_ID);
  own(on, block, path);
}

function walk(on: Complaints, blocks: unknown, max: number): void {
  const ids = new Set<string>();
  if (Array.isArray(blocks) && blocks.some((block) => !isObject(block))) on.say('must be an object', '/blocks');
  const all = list(on, blocks, '/blocks', max, 0);
  for (const [index, block] of all.entries()) {
    check(on, block, `/blocks/${index}`);
    const id = block['block_id'];
    if (id && ids.has(id)) on.say(`block_id already exists: ${id}`, `/blocks/${index}`);
    if (id) ids.add(id);
  }
}

export interface Verdict {
  error: string;
  messages: string[];
}

/** What Slack says against a message's blocks, or null. */
export function judgeBlocks(blocks: unknown): Verdict | null {
  const on = createComplaints('message');
  walk(on, blocks, MESSAGE_BLOCKS);
  if (on.markdownCharacters > MARKDOWN)
    on.say(`markdown blocks together must be less than ${MARKDOWN + 1} characters`, '/blocks');
  if (on.tableCharacters > TABLE_TOTAL) on.say(`tables must be less than ${TABLE_TOTAL + 1} characters`, '/blocks');
  if (on.messages.length > 0) return { error: 'invalid_blocks', messages: on.messages };
  const tables = Array.isArray(blocks) ? blocks.filter((block) => isObject(block) && block['type'] === 'table') : [];
  if (tables.length > 1) return { error: 'only_one_table_allowed', messages: ['[ERROR] one table per message'] };
  if (on.characters <= MESSAGE_TOTAL) return null;
  return { error: 'msg_blocks_too_long', messages: [`[ERROR] ${on.characters} characters in all blocks`] };
}

/** What Slack says against a modal or home view, or null. */
export function judgeView(view: unknown): Verdict | null {
  const surface = isObject(view) && view['type'] === 'home' ? 'home' : 'modal';
  const on = createComplaints(surface);
  if (!isObject(view)) return { error: 'invalid_arguments', messages: ['[ERROR] view must be an object'] };
  oneOf(on, view['type'] ?? '', '/type', ['modal', 'home']);
  const known = 'blocks private_metadata callback_id external_id title submit close clear_on_close notify_on_close';
  only(on, view, '', `${known} submit_disabled`);
  token(on, view['private_metadata'], '/private_metadata', PRIVATE_METADATA);
  token(on, view['callback_id'], '/callback_id', 255);
  token(on, view['external_id'], '/external_id', 255);
  if (surface === 'modal') {
    text(on, view['title'], '/title', TITLE, 'plain_text');
    optionalText(on, view['submit'], '/submit', TITLE, 'plain_text');
    optionalText(on, view['close'], '/close', TITLE, 'plain_text');
    const asks = Array.isArray(view['blocks']) && view['blocks'].some((block) => block?.type === 'input');
    if (asks && !view['submit']) on.say('submit is required when there is an input block', '/submit');
  }
  walk(on, view['blocks'], VIEW_BLOCKS);
  return on.messages.length > 0 ? { error: 'invalid_arguments', messages: on.messages } : null;
}
