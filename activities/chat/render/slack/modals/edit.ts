import type { InputBlock, KnownBlock, ModalView, NumberInput, PlainTextOption, StaticSelect } from '@slack/types';
import type { Json, JsonObject, JsonSchema } from '#core/tools.ts';
import {
  type Control,
  controlsOf,
  findControl,
  type Leaf,
  readControls,
  shownIn,
} from '#activities/chat/render/edit/index.ts';
import { showValue } from '#activities/chat/render/leaves.ts';
import { line, plain } from '#activities/chat/render/slack/elements.ts';
import { INPUT_TEXT, OPTION_TEXT, OPTIONS } from '#activities/chat/render/slack/limits.ts';
import type { FieldValues, Meta } from '#activities/chat/render/slack/types.ts';
import { INPUT, labelled, linkBlocks, modal, REASON, reasonField, textField, typedIn } from './frame.ts';

export interface EditForm {
  /** The action's input schema. */
  schema: JsonSchema;
  /** What they are now: `readPayload(payloadText).arguments`. */
  args: JsonObject;
}

const FIELDS = 20;
const JSON_HINT = 'Hidden characters are written as escapes.';

/**
 * The form to change the arguments of what waits (RULES A4), from the action's schema as in the panel. With too many fields or too long ones it is one field
 * of JSON; when that is too long too, there is no form and the panel has it.
 */
export function editModal({
  summary,
  editUrl,
  meta,
  ...form
}: EditForm & { summary: string; editUrl: string; meta: Meta }): ModalView {
  const frame = { callbackId: 'edit', title: 'Edit what would run', meta };
  const controls = formOf(form);
  if (!controls)
    return modal({ ...frame, blocks: [line(TOO_LONG), ...linkBlocks({ label: 'Edit in the panel', url: editUrl })] });
  const fields = leavesOf(controls).map((leaf, index): KnownBlock => fieldOf(leaf, blockOf(index)));
  return modal({
    ...frame,
    submit: 'Save the edit',
    close: 'Cancel',
    blocks: [line(`${summary}. ${ASKED_ANEW}`), ...fields, reasonField('Why')],
  });
}

const ASKED_ANEW = 'What you save is asked anew: nothing runs before somebody has approved it.';
const TOO_LONG = 'This request is too long to be edited in Slack. The panel has a form for it.';

/** What was typed, as arguments: what was left alone is exactly what it was. Or, by block, what is wrong with it. */
export function readEdit(
  values: FieldValues,
  form: EditForm,
): { input: JsonObject } | { errors: Record<string, string> } {
  const controls = formOf(form);
  if (!controls) return { errors: { [blockOf(0)]: TOO_LONG } };
  const leaves = leavesOf(controls);
  const at = (name: string): number => leaves.findIndex((leaf) => leaf.name === name);
  const typed = readControls(controls, (name) => {
    const leaf = leaves[at(name)];
    return leaf ? readField(leaf, typedIn(values, blockOf(at(name)))) : '';
  });
  if (typed.input) return { input: typed.input };
  const found = [...typed.problems].map(([name, text]) => [blockOf(Math.max(0, at(name))), problemText(text)]);
  return { errors: Object.fromEntries(found) };
}

/**
 * The block that shows what a tool refuses: the argument that `UserError.field` names, else the first; where nothing is asked for but the reason, that. Slack
 * shows an error beside a field that is there, and for any other says that it had trouble connecting.
 */
export function editBlockOf(form: EditForm, field: string | undefined): string {
  const controls = formOf(form) ?? [];
  const leaves = leavesOf(controls);
  if (leaves.length === 0) return REASON;
  const found = field === undefined ? undefined : findControl(controls, field);
  return blockOf(
    Math.max(
      0,
      leaves.findIndex((leaf) => leaf.name === found?.name),
    ),
  );
}

const problemText = (text: string): string => (/^(is|has|must)\b/.test(text) ? `This ${text}.` : `Please ${text}.`);
const blockOf = (index: number): string => `field:${index}`;
const leavesOf = (controls: readonly Control[]): Leaf[] =>
  controls.flatMap((one) => (one.kind === 'group' ? leavesOf(one.controls) : [one]));

/** The same for the modal and for reading it. Null: too long for Slack. */
function formOf({ schema, args }: EditForm): Control[] | null {
  const controls = controlsOf(schema, args).map(adapted);
  const leaves = leavesOf(controls);
  if (leaves.length <= FIELDS && leaves.every((leaf) => initialOf(leaf).length <= INPUT_TEXT)) return controls;
  const [whole] = controlsOf({ type: 'object', additionalProperties: {} }, args);
  return whole?.kind === 'json' && shownIn(whole).length <= INPUT_TEXT ? [{ ...whole, hint: JSON_HINT }] : null;
}

/** Slack may trim what it sends back: text with blanks at an end is edited as JSON, in quotes. */
function adapted(control: Control): Control {
  if (control.kind === 'group') return { ...control, controls: control.controls.map(adapted) };
  const { kind, value } = control;
  const isTrimmed = typeof value !== 'string' || value.trim() === value;
  if ((kind === 'text' || kind === 'lines') && !isTrimmed)
    return { ...control, kind: 'json', hint: `Text in JSON quotes. ${control.hint}` };
  return control;
}

function fieldOf(leaf: Leaf, blockId: string): InputBlock {
  const label = leaf.path.join('.') || leaf.label;
  const isOptional = !leaf.isRequired || leaf.isNullable || leaf.value === '';
  if (isSelect(leaf))
    return {
      type: 'input',
      block_id: blockId,
      ...labelled(label, leaf.hint),
      optional: isOptional,
      element: select(leaf),
    };
  const value = initialOf(leaf);
  if (leaf.kind === 'number' && isPlainNumber(value))
    return {
      type: 'input',
      block_id: blockId,
      ...labelled(label, leaf.hint),
      optional: isOptional,
      element: numberInput(leaf, value),
    };
  const hint = leaf.kind === 'choice' ? `One of a long list. ${leaf.hint}` : leaf.hint;
  const isLong = ['lines', 'list', 'json'].includes(leaf.kind);
  return textField({ blockId, label, hint, value, isLong, isOptional });
}

const initialOf = (leaf: Leaf): string =>
  leaf.kind === 'choice' && typeof leaf.value === 'string' ? leaf.value : shownIn(leaf);

/** Of an exponent, Slack's field for numbers knows nothing. */
const isPlainNumber = (text: string): boolean => /^(-?\d{1,15}(\.\d{1,4})?)?$/.test(text);
const numberInput = ({ type }: Leaf, value: string): NumberInput => ({
  type: 'number_input',
  action_id: INPUT,
  is_decimal_allowed: type !== 'integer',
  ...(value === '' ? {} : { initial_value: value }),
});

/** Every choice can be told from the others within what an option shows. */
function isSelect({ kind, choices }: Leaf): boolean {
  const texts = choices.map(showValue);
  return kind === 'choice' && choices.length < OPTIONS && texts.every((text) => text.length <= OPTION_TEXT);
}

function select(leaf: Leaf): StaticSelect {
  const options = leaf.choices.map((choice, index) => optionOf(showValue(choice), `choice:${index}`));
  const canLeaveOut = !leaf.isRequired || leaf.isNullable;
  const none = optionOf(leaf.isNullable ? '(none)' : '(left out)', NONE);
  const all = canLeaveOut ? [...options, none] : options;
  const now = leaf.choices.findIndex((choice) => choice === leaf.value);
  const initial = options[now] ?? (canLeaveOut ? none : undefined);
  return { type: 'static_select', action_id: INPUT, options: all, ...(initial ? { initial_option: initial } : {}) };
}
const NONE = 'none';
const optionOf = (text: string, value: string): PlainTextOption => ({ text: plain(text, OPTION_TEXT), value });

/** What Slack sent of a field, as the panel's form would have sent it. */
function readField(leaf: Leaf, typed: string): string {
  if (leaf.kind !== 'choice') return typed;
  const chosen = isSelect(leaf)
    ? leaf.choices[Number(/^choice:(\d+)$/.exec(typed)?.[1] ?? -1)]
    : leaf.choices.find((choice) => typed.trim() === textOfChoice(choice));
  if (chosen !== undefined) return JSON.stringify(chosen);
  return typed === NONE || typed === '' ? '' : 'unknown';
}
const textOfChoice = (choice: Json): string => (typeof choice === 'string' ? choice.trim() : JSON.stringify(choice));
