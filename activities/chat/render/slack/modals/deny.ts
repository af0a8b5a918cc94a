import type { ModalView } from '@slack/types';
import { line } from '#activities/chat/render/slack/elements.ts';
import type { Meta } from '#activities/chat/render/slack/types.ts';
import { modal, reasonField } from './frame.ts';

/** Why not? The denial counts when this is sent. */
export const denyModal = ({
  approvalId,
  summary,
  meta,
}: {
  approvalId: string;
  summary?: string;
  meta: Meta;
}): ModalView =>
  modal({
    callbackId: 'deny',
    title: 'Deny the request',
    submit: 'Deny',
    close: 'Cancel',
    meta: { ...meta, approvalId },
    blocks: [
      line(summary ? `Nothing of it happens: ${summary}` : 'Nothing of what was asked for happens.'),
      reasonField('Reason, shown to who asked'),
    ],
  });
