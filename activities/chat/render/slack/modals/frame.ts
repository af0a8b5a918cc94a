import type { InputBlock, KnownBlock, ModalView, PlainTextInput } from '@slack/types';
import { actionBlocks, linkButton } from '#activities/chat/render/slack/buttons.ts';
import { line, plain } from '#activities/chat/render/slack/elements.ts';
import {
  INPUT_TEXT,
  LABEL,
  MODAL_TITLE,
  PLACEHOLDER,
  PRIVATE_METADATA,
  VIEW_BLOCKS,
  VIEW_BYTES,
} from '#activities/chat/render/slack/limits.ts';
import type { FieldValues, Link, Meta } from '#activities/chat/render/slack/types.ts';

/** The one action inside each input block. */
export const INPUT = 'value';

/** A modal; without `submit` there is nothing to send. Throws when `meta` is more than ids. */
export function modal(at: {
  callbackId: string;
  title: string;
  blocks: KnownBlock[];
  meta?: Meta;
  submit?: string;
  close?: string;
}): ModalView {
  const metadata = JSON.stringify(at.meta ?? {});
  if (metadata.length > PRIVATE_METADATA) throw new Error('private_metadata holds ids only');
  return {
    type: 'modal',
    callback_id: at.callbackId,
    title: plain(at.title, MODAL_TITLE),
    close: plain(at.close ?? 'Close', MODAL_TITLE),
    ...(at.submit === undefined ? {} : { submit: plain(at.submit, MODAL_TITLE) }),
    private_metadata: metadata,
    blocks: at.blocks,
  };
}

export const fitsView = (view: { blocks: unknown[] }): boolean =>
  view.blocks.length <= VIEW_BLOCKS && Buffer.byteLength(JSON.stringify(view)) <= VIEW_BYTES;

export const linkBlocks = ({ label, url }: Link): KnownBlock[] => actionBlocks([linkButton(label, url)]);

export interface TextField {
  blockId: string;
  label: string;
  hint?: string;
  placeholder?: string;
  value?: string;
  isLong?: boolean;
  isOptional?: boolean;
  maxLength?: number;
}
export const textField = (field: TextField): InputBlock => {
  const { blockId, label, hint = '', placeholder, value = '', isLong = false, isOptional = false } = field;
  const element: PlainTextInput = {
    type: 'plain_text_input',
    action_id: INPUT,
    multiline: isLong,
    max_length: field.maxLength ?? INPUT_TEXT,
    ...(value === '' ? {} : { initial_value: value }),
    ...(placeholder ? { placeholder: plain(placeholder, PLACEHOLDER) } : {}),
  };
  return { type: 'input', block_id: blockId, ...labelled(label, hint), optional: isOptional, element };
};
export const labelled = (label: string, hint: string): Pick<InputBlock, 'label' | 'hint'> => ({
  label: plain(label, LABEL),
  ...(hint === '' ? {} : { hint: plain(hint, LABEL) }),
});

/** What was typed or chosen in a block; '' when nothing was. */
export function typedIn(values: FieldValues, blockId: string): string {
  const field = values[blockId]?.[INPUT];
  return field?.selected_option?.value ?? field?.value ?? '';
}

/** The block of a reason. */
export const REASON = 'reason';
const REASON_LENGTH = 500;
export const reasonField = (label: string): InputBlock =>
  textField({ blockId: REASON, label, isLong: true, isOptional: true, maxLength: REASON_LENGTH });
/** The reason of a denial or an edit, trimmed; '' when none was given. */
export const readReason = (values: FieldValues): string => typedIn(values, REASON).trim();

/** Says one thing. */
export const noticeModal = (title: string, text: string, link?: Link): ModalView =>
  modal({ callbackId: 'notice', title, blocks: [line(text), ...(link ? linkBlocks(link) : [])] });
