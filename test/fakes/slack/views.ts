import { judgeView } from './blocks.ts';
import { withIds, type Method, type World } from './world.ts';
import { failure, isObject, textOf, type Json } from './words.ts';

const judged = (world: World, method: string, args: Json): Json | null => {
  const verdict = judgeView(args['view']);
  return verdict ? world.violate(method, verdict.error, verdict.messages, args) : null;
};

/** Why a trigger cannot open anything; null when it can. */
function triggerFault(world: World, args: Json): Json | null {
  const trigger = world.rows.viewTriggers.findOneBy('trigger_id', textOf(args['trigger_id']));
  if (!trigger) return failure('invalid_trigger_id');
  if (trigger['used']) return failure('exchanged_trigger_id');
  return Date.now() > trigger['until'] ? failure('expired_trigger_id') : null;
}

const numbered = (args: Json): Json => ({
  ...args,
  view: isObject(args['view']) ? { ...args['view'], blocks: withIds(args['view']['blocks']) } : args['view'],
});

const opening: Method = (world, args, call) => {
  const fault = triggerFault(world, args);
  return fault ?? judged(world, call.method, args) ?? world.emulate(call.method, numbered(args));
};

const update: Method = (world, args, call) => {
  const wrong = judged(world, call.method, args);
  if (wrong) return wrong;
  const view = world.rows.views
    .all()
    .find((row) => (args['view_id'] ? row['view_id'] === args['view_id'] : row['external_id'] === args['external_id']));
  if (!view || world.closedViews.has(view['view_id'])) return failure('not_found');
  return world.emulate(call.method, numbered(args));
};

const publish: Method = (world, args, call) => {
  const person = world.rows.users.findOneBy('user_id', textOf(args['user_id']));
  if (!person || person['is_bot']) return failure('user_not_found');
  return judged(world, call.method, args) ?? world.emulate(call.method, numbered(args));
};

export const viewMethods: Record<string, Method> = {
  'views.open': opening,
  'views.push': opening,
  'views.update': update,
  'views.publish': publish,
};

/** A stored view as payloads show it. */
export function viewOf(world: World, row: Json, values?: Json): Json {
  return {
    id: row['view_id'],
    team_id: row['team_id'],
    type: row['type'],
    blocks: row['blocks'],
    private_metadata: row['private_metadata'],
    callback_id: row['callback_id'],
    state: { values: values ?? row['state']?.values ?? {} },
    hash: row['hash'],
    title: row['title'],
    clear_on_close: row['clear_on_close'],
    notify_on_close: row['notify_on_close'],
    close: row['close'],
    submit: row['submit'],
    previous_view_id: row['previous_view_id'] ?? null,
    root_view_id: row['root_view_id'],
    app_id: world.settled.appId,
    external_id: row['external_id'] ?? '',
    app_installed_team_id: world.settled.teamId,
    bot_id: world.settled.botId,
  };
}
