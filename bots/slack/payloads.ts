import { z } from 'zod';

// What is read of Slack's interactions, and no more: whatever else a payload holds, or lacks, is no reason to leave it unacknowledged.

const zUser = z.looseObject({
  id: z.string().min(1),
  name: z.string().optional().catch(undefined),
  username: z.string().optional().catch(undefined),
  team_id: z.string().nullish().catch(undefined),
});
const zNamed = z.looseObject({ id: z.string() }).nullish().catch(undefined);
const zText = z.string().nullish().catch(undefined);

const zFieldValue = z.looseObject({
  value: zText,
  selected_option: z.looseObject({ value: z.string().optional() }).nullish().catch(undefined),
});
const zView = z.looseObject({
  id: zText,
  type: z.string().default(''),
  callback_id: z.string().default('').catch(''),
  private_metadata: z.string().default('').catch(''),
  state: z
    .looseObject({ values: z.record(z.string(), z.record(z.string(), zFieldValue)) })
    .nullish()
    .catch(undefined),
});

const base = {
  user: zUser,
  /** Null for an app that is installed for a whole Enterprise. */
  team: zNamed,
  enterprise: zNamed,
  trigger_id: z.string().default('').catch(''),
  response_url: zText,
};

const zAction = z.looseObject({
  action_id: z.string(),
  value: zText,
});
const zBlockActions = z.looseObject({
  ...base,
  type: z.literal('block_actions'),
  container: z
    .looseObject({ type: zText, channel_id: zText, message_ts: zText, thread_ts: zText })
    .nullish()
    .catch(undefined),
  channel: zNamed,
  message: z.looseObject({ ts: zText, thread_ts: zText }).nullish().catch(undefined),
  view: zView.nullish().catch(undefined),
  actions: z.array(zAction).min(1),
});
const zViewSubmission = z.looseObject({ ...base, type: z.literal('view_submission'), view: zView });
const zShortcut = z.looseObject({ ...base, type: z.literal('shortcut'), callback_id: z.string() });
const zMessageAction = z.looseObject({
  ...base,
  type: z.literal('message_action'),
  callback_id: z.string(),
  channel: z.looseObject({ id: z.string(), name: z.string().optional().catch(undefined) }),
  message: z.looseObject({
    ts: z.string(),
    thread_ts: zText,
    text: zText,
    user: zText,
    username: zText,
    bot_id: zText,
  }),
});
/** A slash command's form. */
export const zCommand = z.looseObject({
  text: z.string().default(''),
  user_id: z.string().min(1),
  team_id: z.string().default(''),
  channel_id: z.string().default(''),
  channel_name: z.string().default(''),
  enterprise_id: z.string().default(''),
});

export type ViewSubmission = z.infer<typeof zViewSubmission>;
export type MessageAction = z.infer<typeof zMessageAction>;
export type Values = NonNullable<z.infer<typeof zView>['state']>['values'];

/** Interactions that somebody acts on; anything else is acknowledged and left alone. */
export const zInteraction = z.discriminatedUnion('type', [zBlockActions, zViewSubmission, zShortcut, zMessageAction]);
export type Interaction = z.infer<typeof zInteraction>;
