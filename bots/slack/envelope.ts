import { z } from 'zod';
import { sha256 } from '#core/hash.ts';

// Everything may be missing, and what is no id is as good as missing: nothing that Slack sends may make us fail.
const maybe = <T extends z.ZodType>(type: T) => type.optional().catch(undefined);
/** An id or a short word of Slack's. */
export const zId = maybe(z.string().regex(/^[\w.:+^-]{1,100}$/));
export const zTs = maybe(z.string().regex(/^\d{1,12}\.\d{1,9}$/));
export const zFlag = z.boolean().catch(false);
/** Forms, and what is made of them, say it in words. */
export const zSpelledFlag = z.union([z.boolean(), z.string().transform((text) => text === 'true')]).catch(false);
export const zPart = maybe(z.record(z.string(), z.unknown()));
export const zSaid = z.string().catch('');
export const zList = z.array(z.unknown()).catch([]);

const zAuthorization = z.object({
  enterprise_id: zId,
  team_id: zId,
  user_id: zId,
  is_bot: zFlag,
  is_enterprise_install: zSpelledFlag,
});

/** The Events API's outer body. */
export const zEnvelope = z.object({
  type: zId,
  challenge: maybe(z.string()),
  team_id: zId,
  enterprise_id: zId,
  context_team_id: zId,
  context_enterprise_id: zId,
  is_enterprise_install: zSpelledFlag,
  event_id: zId,
  /** Seconds since 1970. */
  event_time: maybe(z.number()),
  minute_rate_limited: maybe(z.number()),
  authorizations: z.array(zAuthorization).catch([]),
  event: z.record(z.string(), z.unknown()).catch({}),
});
export type Envelope = z.infer<typeof zEnvelope>;

/** Where a delivery belongs, when even that is missing. */
export const NOWHERE = '-';
/** Who sent what nobody sent. */
export const NOBODY = '-';

/** What installed the app: the enterprise when it is installed for all of it, else the team. `app_uninstalled` and `tokens_revoked` come without authorizations. */
export function tenantOf(envelope: Envelope): string {
  const [first] = envelope.authorizations;
  const enterprise = first?.enterprise_id ?? envelope.context_enterprise_id ?? envelope.enterprise_id;
  const isForAll = first ? first.is_enterprise_install : envelope.is_enterprise_install;
  if (isForAll && enterprise) return enterprise;
  // Of an Enterprise without a team only the whole can be meant.
  return envelope.context_team_id ?? first?.team_id ?? envelope.team_id ?? enterprise ?? NOWHERE;
}

const zParts = z.object({
  type: zId,
  subtype: zId,
  channel: zId,
  user: zId,
  ts: zTs,
  event_ts: zTs,
  thread_ts: zTs,
  reaction: zId,
  item: z.object({ channel: zId, ts: zTs }).catch({}),
});

/** RULES I2: the platform's own id of an event; without one, what tells it from every other. Never a hash of the body. */
export function eventKey({ event_id, type, team_id, minute_rate_limited, event }: Envelope): string {
  if (event_id) return event_id;
  if (Object.keys(event).length === 0) return keyOf([type, team_id, minute_rate_limited]);
  const part = zParts.parse(event);
  const { channel = part.item.channel, user, ts = part.item.ts, event_ts, thread_ts, reaction, subtype } = part;
  return keyOf([part.type, subtype, channel, ts, thread_ts, event_ts, user, reaction]);
}

/** `a:b::d`, short enough for an index. */
export function keyOf(parts: readonly (string | number | undefined)[]): string {
  const key = parts.map((part) => part ?? '').join(':');
  return key.length > 300 ? sha256(key) : key;
}

const zNamed = z.object({ id: zId, team_id: zId, enterprise_id: zId }).catch({});
/** An interaction's payload, as far as it matters for storing it. */
export const zInteraction = z.object({
  type: zId,
  trigger_id: zId,
  action_ts: zTs,
  callback_id: zId,
  response_url: maybe(z.string()),
  is_enterprise_install: zSpelledFlag,
  user: zNamed,
  team: zNamed,
  enterprise: zNamed,
  channel: zNamed,
  container: z.object({ message_ts: zTs, view_id: zId }).catch({}),
  actions: z.array(z.object({ action_id: zId, action_ts: zTs }).catch({})).catch([]),
  view: z.object({ id: zId, hash: zId, app_installed_team_id: zId }).catch({}),
});
export type Interaction = z.infer<typeof zInteraction>;

/**
 * A window that is sent back names the team of whoever filled it in, in a shared channel that of another company: its view says where the app is installed
 * (slackapi/bolt-js#1614). A click names the right team itself, and in App Home its view may name another one (slackapi/bolt-python#1229).
 */
export function tenantOfInteraction({
  type,
  is_enterprise_install,
  enterprise,
  view,
  team,
  user,
}: Interaction): string {
  // Where the app is installed for a whole Enterprise there is no team.
  if (enterprise.id && (is_enterprise_install || (team.id === undefined && view.app_installed_team_id === undefined)))
    return enterprise.id;
  const teams = [view.app_installed_team_id, team.id];
  const [first, second] = type === 'block_actions' ? teams.toReversed() : teams;
  return first ?? second ?? user.team_id ?? NOWHERE;
}

/** RULES I2: interactions have no event id. */
export function interactionKey({ trigger_id, type, action_ts, actions, user, container, view }: Interaction): string {
  if (trigger_id) return trigger_id;
  const [action] = actions;
  const at = action?.action_ts ?? action_ts;
  return keyOf([type, action?.action_id, at, user.id, container.message_ts ?? view.id ?? container.view_id, view.hash]);
}
