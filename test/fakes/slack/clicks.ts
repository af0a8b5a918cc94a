import type { Answered, Bridge } from './bridge.ts';
import { judgeView } from './blocks.ts';
import { newResponseUrl } from './responses.ts';
import { clickables } from './text.ts';
import { viewOf } from './views.ts';
import { mustChannel, newTrigger, withIds, type World } from './world.ts';
import { isObject, nextTs, randomId, textOf, type Json } from './words.ts';

export interface ClickOptions {
  /** What was clicked in; found out when left out. */
  from?: 'message' | 'home' | 'modal';
  /** For a menu: the value chosen. For a picker or text: what was put in. */
  choose?: string;
  /** Changes the payload before it is signed: what a forger would send. */
  tamper?: (payload: Json) => void;
}
export interface Clicked extends Answered {
  triggerId: string;
  payload: Json;
}

/** The interactive half of a person: buttons, menus, shortcuts and modals. */
export function createClicks(world: World, bridge: Bridge, user: Json) {
  const { settled } = world;
  const userId: string = user['user_id'];
  const common = (triggerId: string) => ({
    user: { id: userId, username: user['name'], name: user['name'], team_id: user['team_id'] },
    api_app_id: settled.appId,
    token: 'legacy-verification-token',
    trigger_id: triggerId,
    team: { id: settled.teamId, domain: settled.domain },
    enterprise: settled.enterprise,
    is_enterprise_install: settled.isEnterpriseInstall,
  });
  const send = async (payload: Json, options: ClickOptions): Promise<Clicked> => {
    options.tamper?.(payload);
    const answered = await bridge.interact('interactive', payload);
    return { ...answered, triggerId: payload['trigger_id'], payload };
  };

  const inMessage = (message: Json, action: Json, triggerId: string): Json => {
    const channel: string = message['channel'];
    const isEphemeral = message['via'] !== undefined;
    const row = mustChannel(world, channel);
    const of = { user: userId, channel, message: { ts: message['ts'], ephemeral: isEphemeral } };
    const { channel: _channel, tasks: _tasks, via: _via, ...shown } = message;
    return {
      type: 'block_actions',
      ...common(triggerId),
      container: {
        type: 'message',
        message_ts: message['ts'],
        channel_id: channel,
        is_ephemeral: isEphemeral,
        ...(message['thread_ts'] ? { thread_ts: message['thread_ts'] } : {}),
      },
      channel: { id: channel, name: row['is_im'] ? 'directmessage' : row['name'] },
      // An ephemeral message is not part of what Slack sends back.
      ...(isEphemeral ? {} : { message: shown }),
      state: { values: {} },
      response_url: newResponseUrl(world, of, 'actions'),
      actions: [action],
    };
  };
  const inView = (view: Json, action: Json, triggerId: string): Json => ({
    type: 'block_actions',
    ...common(triggerId),
    container: { type: 'view', view_id: view['view_id'] },
    view: viewOf(world, view),
    actions: [action],
  });

  return {
    /** Clicks a button by its label or action id, in a message (of `thread`, `messages`, `ephemerals`), home or modal. */
    click: async (where: Json, label: string, options: ClickOptions = {}): Promise<Clicked> => {
      const isView = options.from ? options.from !== 'message' : where['view_id'] !== undefined;
      const all = clickables(where['blocks']);
      const found = all.find((one) => one.element['action_id'] === label) ?? all.find((one) => one.label === label);
      if (!found)
        throw new Error(`Nothing to click says "${label}". There is: ${all.map((one) => one.label).join(', ')}`);
      const triggerId = newTrigger(world, userId, isView ? where['view_id'] : undefined);
      const action = actionOf(found.block, found.element, options.choose);
      return send(isView ? inView(where, action, triggerId) : inMessage(where, action, triggerId), options);
    },
    /** A global shortcut, or a message's when a message is given. */
    shortcut: (
      callbackId: string,
      { message, ...options }: ClickOptions & { message?: Json } = {},
    ): Promise<Clicked> => {
      const triggerId = newTrigger(world, userId);
      const base = { ...common(triggerId), callback_id: callbackId, action_ts: nextTs() };
      if (!message) return send({ type: 'shortcut', ...base }, options);
      const { channel, tasks: _tasks, ...shown } = message;
      const row = mustChannel(world, channel);
      const of = { user: userId, channel, message: { ts: message['ts'], ephemeral: false } };
      const payload = {
        type: 'message_action',
        ...base,
        message_ts: message['ts'],
        channel: { id: channel, name: row['is_im'] ? 'directmessage' : row['name'] },
        message: shown,
        response_url: newResponseUrl(world, of, 'actions'),
      };
      return send(payload, options);
    },
    /**
     * Fills in and submits a modal: values by action id or block id; a string, or a list for several choices.
     * What the app answers happens to the modal: errors keep it open, update and push show the new view, else it closes.
     */
    submit: async (
      view: Json,
      values: Record<string, string | string[]> = {},
      options: ClickOptions = {},
    ): Promise<Clicked> => {
      const triggerId = newTrigger(world, userId, view['view_id']);
      const payload = {
        type: 'view_submission',
        ...common(triggerId),
        view: viewOf(world, view, filled(view['blocks'], values)),
        response_urls: [],
      };
      const clicked = await send(payload, options);
      if (clicked.status === 200) followed(world, view, clicked.body);
      return clicked;
    },
    /** Closes a modal. The app hears of it when the view asked for that. */
    close: async (view: Json, { isCleared = false } = {}): Promise<Clicked | null> => {
      world.closedViews.add(view['view_id']);
      if (!view['notify_on_close']) return null;
      return send(
        { type: 'view_closed', ...common(newTrigger(world, userId)), view: viewOf(world, view), is_cleared: isCleared },
        {},
      );
    },
    /** The modals open on their screen, the top one last. */
    modals: (): Json[] =>
      world.rows.views
        .all()
        .filter(
          (row) => row['type'] === 'modal' && row['user_id'] === userId && !world.closedViews.has(row['view_id']),
        ),
    /** What their App Home shows, or null. */
    home: (): Json | null =>
      world.rows.views.all().find((row) => row['type'] === 'home' && row['user_id'] === userId) ?? null,
    /** Only-for-you messages they can see. */
    ephemerals: (): Json[] => world.privates.filter((one) => one.user === userId),
  };
}

function actionOf(block: Json, element: Json, choose: string | undefined): Json {
  const { type, action_id } = element;
  const base = { type, action_id, block_id: block['block_id'], action_ts: nextTs() };
  if (['button', 'feedback_buttons', 'icon_button', 'workflow_button'].includes(type))
    return { ...base, text: element['text'], ...(element['value'] === undefined ? {} : { value: element['value'] }) };
  return { ...base, ...valueOf(element, choose ?? element['options']?.[0]?.value) };
}

/** An input's part of `state.values`. */
function valueOf(element: Json, given: string | string[] | undefined): Json {
  const { type } = element;
  const groups: Json[] = element['option_groups'] ?? [];
  const options: Json[] = element['options'] ?? groups.flatMap((group) => group['options']);
  const chosen = (value: string) =>
    options.find((one) => one['value'] === value || one['text']?.text === value) ?? null;
  const many = given === undefined ? undefined : [given].flat();
  const one = many?.[0];
  if (type === 'checkboxes' || String(type).startsWith('multi_'))
    return { type, selected_options: many ? many.map(chosen) : (element['initial_options'] ?? []) };
  if (
    type === 'radio_buttons' ||
    String(type).includes('static_select') ||
    type === 'overflow' ||
    type === 'external_select'
  )
    return { type, selected_option: one === undefined ? (element['initial_option'] ?? null) : chosen(one) };
  const fields: Record<string, [string, string]> = {
    datepicker: ['selected_date', 'initial_date'],
    timepicker: ['selected_time', 'initial_time'],
    datetimepicker: ['selected_date_time', 'initial_date_time'],
    users_select: ['selected_user', 'initial_user'],
    channels_select: ['selected_channel', 'initial_channel'],
    conversations_select: ['selected_conversation', 'initial_conversation'],
  };
  const [field, initial] = fields[type] ?? ['value', 'initial_value'];
  return { type, [field]: one ?? element[initial] ?? null };
}

function filled(blocks: Json[], values: Record<string, string | string[]>): Json {
  const state: Json = {};
  for (const block of blocks) {
    if (block['type'] !== 'input') continue;
    const element: Json = block['element'];
    const given = values[element['action_id']] ?? values[block['block_id']];
    state[block['block_id']] = { [element['action_id']]: valueOf(element, given) };
  }
  return state;
}

/** docs.slack.dev, modals: each key is the block_id of an input block, each value the words beside it. For anything else people read that there was trouble connecting. */
function strangeErrors(view: Json, errors: unknown): string | null {
  if (!isObject(errors) || Object.keys(errors).length === 0) return 'there are no errors';
  const inputs = view['blocks']
    .filter((block: Json) => block['type'] === 'input')
    .map((block: Json) => block['block_id']);
  const strange = Object.entries(errors).find(([id, text]) => !inputs.includes(id) || textOf(text) === '');
  return strange ? `there is no input ${strange[0]}, or nothing is said of it` : null;
}

/** What a view_submission's answer does to the modals on the screen. */
function followed(world: World, view: Json, body: unknown): void {
  const answer = isObject(body) ? body : {};
  const kind = answer['response_action'];
  const row = world.rows.views.findOneBy('view_id', view['view_id']);
  if (!row) return;
  if (kind === 'errors') {
    const wrong = strangeErrors(view, answer['errors']);
    if (wrong) world.violate('view_submission answer', 'invalid_errors', [`[ERROR] ${wrong}`], answer);
    return;
  }
  if (kind === 'clear') {
    for (const one of world.rows.views.all())
      if (one['root_view_id'] === row['root_view_id']) world.closedViews.add(one['view_id']);
    return;
  }
  if (kind !== 'update' && kind !== 'push') return void world.closedViews.add(row['view_id']);
  const verdict = judgeView(answer['view']);
  if (verdict) return void world.violate('view_submission answer', verdict.error, verdict.messages, answer);
  const shown = { ...answer['view'], blocks: withIds(answer['view'].blocks), hash: nextTs() };
  if (kind === 'update') return void world.rows.views.update(row['id'], shown);
  const { id: _id, ...parent } = row;
  world.rows.views.insert({ ...parent, ...shown, view_id: randomId('V0'), previous_view_id: row['view_id'] });
}
