import type { ModalView } from '@slack/types';
import { richText, words } from '#activities/chat/render/slack/elements.ts';
import { cleanProse } from '#activities/chat/render/slack/escape.ts';
import { splitText } from '#activities/chat/render/slack/measure.ts';
import type { FieldValues, Meta } from '#activities/chat/render/slack/types.ts';
import { modal, textField, typedIn } from './frame.ts';

const REQUEST = 'request';
const QUOTE_COST = 1_000;

/** A request from anywhere in Slack; `ask_about`: about a message, which is quoted. */
export function askModal({
  kind,
  quote = '',
  meta,
}: {
  kind: 'ask' | 'ask_about';
  quote?: string;
  meta: Meta;
}): ModalView {
  const isAbout = kind === 'ask_about';
  const [start = '', ...rest] = splitText(cleanProse(quote).trim(), QUOTE_COST);
  const shown = rest.length === 0 ? start : `${start}…`;
  return modal({
    callbackId: kind,
    title: isAbout ? 'Ask about this message' : 'New request',
    submit: 'Ask',
    close: 'Cancel',
    meta,
    blocks: [
      ...(shown === '' ? [] : [richText([{ type: 'rich_text_quote', elements: [words(shown)] }])]),
      textField({
        blockId: REQUEST,
        label: isAbout ? 'What should be done with it?' : 'What should be done?',
        hint: 'In your own words. What changes something outside waits for an approval.',
        placeholder: isAbout
          ? 'Put this invoice into the ERP'
          : 'Every weekday at 9, post yesterday’s failed runs here',
        isLong: true,
      }),
    ],
  });
}

/** What was asked for, trimmed; '' when only blanks were typed. */
export const readRequest = (values: FieldValues): string => typedIn(values, REQUEST).trim();
