import { list, oneOf, only, optionalString, optionalText, string, text, token, type Complaints } from './complaints.ts';
import { isObject, type Json } from './words.ts';

// Limits: the descriptions in @slack/types 3.2 (block-elements, composition-objects).
const ACTION_ID = 255;
const BUTTON_TEXT = 75;
const BUTTON_VALUE = 2000;
const URL_LENGTH = 3000;
const PLACEHOLDER = 150;
const OPTIONS = 100;
const FEW_OPTIONS = 10;
const OPTION_TEXT = 75;
const OPTION_VALUE = 150;
const INPUT_LENGTH = 3000;

const PICKERS = ['datepicker', 'timepicker', 'datetimepicker'];
const SELECTS = ['static', 'external', 'users', 'conversations', 'channels'];
const MENUS = SELECTS.flatMap((kind) => [`${kind}_select`, `multi_${kind}_select`]);
const CHOICES = ['checkboxes', 'radio_buttons'];
const INTERACTIVE = ['button', 'overflow', 'workflow_button', ...CHOICES, ...PICKERS, ...MENUS];
const MODAL_INPUTS = ['number_input', 'email_text_input', 'url_text_input', 'file_input'];
/** Which elements each place takes. */
export const PLACES = {
  actions: [...INTERACTIVE, 'rich_text_input'],
  accessory: ['image', ...INTERACTIVE],
  input: ['plain_text_input', 'rich_text_input', ...MODAL_INPUTS, ...CHOICES, ...PICKERS, ...MENUS],
  context_actions: ['feedback_buttons', 'icon_button'],
  card: ['button'],
};

/** One element in one place, with its own limits. */
export function element(on: Complaints, value: unknown, path: string, place: keyof typeof PLACES): void {
  if (!isObject(value)) return on.say('must be an object', path);
  const type = String(value['type']);
  if (!PLACES[place].includes(type)) return on.say(`unsupported element in ${place}: ${type}`, `${path}/type`);
  if (MODAL_INPUTS.includes(type) && on.surface !== 'modal') on.say(`${type} is for modals`, `${path}/type`);
  token(on, value['action_id'], `${path}/action_id`, ACTION_ID);
  optionalText(on, value['placeholder'], `${path}/placeholder`, PLACEHOLDER, 'plain_text');
  if (value['confirm'] !== undefined) confirm(on, value['confirm'], `${path}/confirm`);
  if (type === 'button') return button(on, value, path);
  if (type === 'image') return image(on, value, path);
  if (type === 'feedback_buttons') return feedback(on, value, path);
  if (type === 'icon_button') return iconButton(on, value, path);
  if (type === 'plain_text_input') return plainInput(on, value, path);
  if (type === 'overflow') return options(on, value, path, 5);
  if (CHOICES.includes(type)) return options(on, value, path, FEW_OPTIONS, 'text');
  if (type.endsWith('static_select')) return menu(on, value, path);
}

function button(on: Complaints, value: Json, path: string): void {
  only(on, value, path, 'text url value style confirm accessibility_label');
  text(on, value['text'], `${path}/text`, BUTTON_TEXT, 'plain_text');
  token(on, value['url'], `${path}/url`, URL_LENGTH);
  token(on, value['value'], `${path}/value`, BUTTON_VALUE);
  token(on, value['accessibility_label'], `${path}/accessibility_label`, BUTTON_TEXT);
  oneOf(on, value['style'], `${path}/style`, ['primary', 'danger']);
}

function image(on: Complaints, value: Json, path: string): void {
  only(on, value, path, 'image_url slack_file alt_text title');
  string(on, value['alt_text'], `${path}/alt_text`, 2000, 1);
  token(on, value['image_url'], `${path}/image_url`, URL_LENGTH);
  if (!value['image_url'] && !value['slack_file']) on.say('missing image_url or slack_file', path);
}

function feedback(on: Complaints, value: Json, path: string): void {
  only(on, value, path, 'positive_button negative_button');
  for (const side of ['positive_button', 'negative_button']) {
    const one = value[side];
    if (!isObject(one)) {
      on.say(`missing ${side}`, path);
      continue;
    }
    only(on, one, `${path}/${side}`, 'text value accessibility_label');
    text(on, one['text'], `${path}/${side}/text`, BUTTON_TEXT, 'plain_text');
    token(on, one['value'], `${path}/${side}/value`, BUTTON_VALUE);
    token(on, one['accessibility_label'], `${path}/${side}/accessibility_label`, BUTTON_TEXT);
  }
}

function iconButton(on: Complaints, value: Json, path: string): void {
  only(on, value, path, 'icon text value confirm accessibility_label visible_to_user_ids');
  // The only icon there is.
  oneOf(on, value['icon'], `${path}/icon`, ['trash']);
  text(on, value['text'], `${path}/text`, BUTTON_TEXT, 'plain_text');
  token(on, value['value'], `${path}/value`, BUTTON_VALUE);
}

function plainInput(on: Complaints, value: Json, path: string): void {
  const known = 'placeholder initial_value multiline min_length max_length dispatch_action_config focus_on_load';
  only(on, value, path, known);
  const max = value['max_length'] ?? INPUT_LENGTH;
  if (max > INPUT_LENGTH || max < 1) on.say(`must be between 1 and ${INPUT_LENGTH}`, `${path}/max_length`);
  optionalString(on, value['initial_value'], `${path}/initial_value`, Math.min(max, INPUT_LENGTH));
}

function menu(on: Complaints, value: Json, path: string): void {
  if (!value['option_groups']) return options(on, value, path, OPTIONS);
  for (const [index, group] of list(on, value['option_groups'], `${path}/option_groups`, OPTIONS).entries()) {
    text(on, group['label'], `${path}/option_groups/${index}/label`, OPTION_TEXT, 'plain_text');
    options(on, group, `${path}/option_groups/${index}`, OPTIONS);
  }
}

function options(on: Complaints, value: Json, path: string, max: number, textKind?: 'text'): void {
  const all = list(on, value['options'], `${path}/options`, max);
  for (const [index, option] of all.entries()) {
    const at = `${path}/options/${index}`;
    only(on, option, at, 'text value description url');
    text(on, option['text'], `${at}/text`, OPTION_TEXT, textKind ? undefined : 'plain_text');
    string(on, option['value'], `${at}/value`, OPTION_VALUE, value['type'] === 'overflow' ? 0 : 1);
    optionalText(on, option['description'], `${at}/description`, OPTION_TEXT);
  }
  const initial: Json[] = value['initial_options'] ?? (value['initial_option'] ? [value['initial_option']] : []);
  if (initial.some((one) => !all.some((option) => option['value'] === one['value'])))
    on.say('initial option must be one of the options', `${path}/initial_option`);
}

function confirm(on: Complaints, value: unknown, path: string): void {
  if (!isObject(value)) return on.say('must be an object', path);
  only(on, value, path, 'title text confirm deny style');
  text(on, value['title'], `${path}/title`, 100, 'plain_text');
  text(on, value['text'], `${path}/text`, 300);
  text(on, value['confirm'], `${path}/confirm`, 30, 'plain_text');
  text(on, value['deny'], `${path}/deny`, 30, 'plain_text');
}
