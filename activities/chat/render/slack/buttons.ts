import type { ActionsBlock, Button as SlackButton, ConfirmationDialog, ContextActionsBlock } from '@slack/types';
import type { Button } from '#core/chat.ts';
import { plain } from './elements.ts';
import { ACTIONS, BUTTON_TEXT, CONFIRM_BUTTON, CONFIRM_TEXT, CONFIRM_TITLE, ID, URL_LENGTH } from './limits.ts';

/** Buttons whose `action_id` and `value` are their opaque id. Slack has no disabled ones: those are left out, and a note says why. */
export function actionBlocks(items: readonly Button[]): ActionsBlock[] {
  const shown = items.filter(
    ({ disabled, id, url }) => !disabled && id.length <= ID && (url?.length ?? 0) <= URL_LENGTH,
  );
  return Array.from({ length: Math.ceil(shown.length / ACTIONS) }, (_, index) => ({
    type: 'actions',
    elements: shown.slice(index * ACTIONS, (index + 1) * ACTIONS).map(buttonElement),
  }));
}

export const buttonElement = ({ id, label, style, url, confirm }: Button): SlackButton => ({
  type: 'button',
  action_id: id,
  value: id,
  text: plain(label, BUTTON_TEXT),
  ...(style ? { style } : {}),
  ...(url === undefined ? {} : { url }),
  ...(confirm ? { confirm: dialog(confirm, style) } : {}),
});

const dialog = (
  { title, text, label }: NonNullable<Button['confirm']>,
  style: Button['style'],
): ConfirmationDialog => ({
  title: plain(title, CONFIRM_TITLE),
  text: plain(text, CONFIRM_TEXT),
  confirm: plain(label, CONFIRM_BUTTON),
  deny: plain('Cancel', CONFIRM_BUTTON),
  ...(style ? { style } : {}),
});

/** A link out of Slack: its click needs no answer. */
export const linkButton = (label: string, url: string): Button => ({ id: 'panel', label, url });

/** Was this answer any good? The rating comes back with the run's id. */
export const feedbackBlock = (runId: string): ContextActionsBlock => ({
  type: 'context_actions',
  elements: [
    {
      type: 'feedback_buttons',
      action_id: `feedback:${runId}`,
      positive_button: { text: plain('Good answer', BUTTON_TEXT), value: 'good' },
      negative_button: { text: plain('Bad answer', BUTTON_TEXT), value: 'bad' },
    },
  ],
});
