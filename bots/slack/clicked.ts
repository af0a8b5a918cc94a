import { setTimeout as pause } from 'node:timers/promises';
import { errorText } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import { settleEvent } from '#db/inbox.ts';
import type { Noted, NoteInput } from '#workflows/client.ts';
import type { Answer, Heard, Interactions } from './deps.ts';
import { AGAIN, HEARD, rowOf, type Ears } from './ears.ts';
import { interactionKey, keyOf, NOWHERE, tenantOfInteraction, zInteraction, zId, zSpelledFlag } from './envelope.ts';
import type { Where } from './people.ts';

type Given = { signature?: string | undefined } & (
  | { kind: 'command'; form: Record<string, string> }
  | { kind: 'interaction'; body: unknown }
);
export type HearInteraction = (given: Given) => Promise<Answer>;

/** One delivery by a person's hand, whatever it was. */
interface Hand {
  tenant: string;
  userId: string | undefined;
  sourceKey: string;
  /** In one word. */
  what: string;
  homes: readonly string[];
  responseUrl: string | undefined;
  /** Hands it on, once it is stored. */
  act(heard: Heard): Promise<Answer>;
  /** What the person sees at once when it went wrong. */
  sorry: Answer;
}

const SORRY = 'That did not work, and nothing was changed by it. Try again; if it stays so, tell an admin.';
const NOT_CONNECTED = 'This workspace is not connected to Abetworks yet. Ask an admin to connect it.';

/** Longer than a living process takes until it acknowledges: what is not settled by then was left by one that died. */
const ACT_MS = 5_000;
const LOOK_AGAIN_MS = 250;

/** Slash commands, clicks, modals and shortcuts: stored under their trigger, then handed on (RULES I1, I2). */
export function createHearInteraction(ears: Ears, interactions: Interactions): HearInteraction {
  const { deps } = ears;
  return async (given) => {
    const hand = given.kind === 'command' ? ofCommand(given.form, interactions) : ofPayload(given.body, interactions);
    if ('status' in hand) return hand;
    const { tenant, userId, homes } = hand;
    const workspace = tenant === NOWHERE ? 'unknown' : await ears.workspaces.find(tenant);
    if (workspace === 'unreachable') return AGAIN;
    const at: Where = { orgId: workspace === 'unknown' ? '' : workspace.orgId, tenant, homes, isEnterprise: false };
    const row = rowOf({ at, sourceKey: hand.sourceKey, signature: given.signature }, 'command', hand.what, userId);
    // What comes by HTTP Slack sends once, and what is signed alike is a replay; an envelope of a socket comes again when nobody acknowledged it.
    const comesAgain = given.signature === undefined;
    const { orgId, isReplay, storedAt } = await noteInTurn(ears, comesAgain ? { ...row, actMs: ACT_MS } : row);
    if (isReplay) return HEARD;
    if (orgId === null) return given.kind === 'command' ? privately(NOT_CONNECTED) : HEARD;
    const heard = { orgId, tenant, sourceKey: hand.sourceKey };
    try {
      return await hand.act({ ...heard, ...(storedAt && { storedAt }) });
    } catch (error) {
      deps.log.error({ orgId, what: hand.what, error: errorText(error) }, 'an interaction failed');
      return { ...hand.sorry, after: () => sayWhy(ears, hand) };
    } finally {
      if (comesAgain) await settle(ears, heard);
    }
  };
}

/** Stores it. One that somebody acts on just now is waited for: either it is acted on, or its process died and it is ours. */
async function noteInTurn({ deps }: Ears, row: NoteInput): Promise<Noted> {
  for (;;) {
    const noted = await deps.client.note(row);
    if (!noted.isUnderWay) return noted;
    await pause(LOOK_AGAIN_MS);
  }
}

/** What was acted on is acted on once; when this cannot be stored, all that people decide is safe to be done again (RULES A2, I4). */
async function settle({ deps }: Ears, { orgId, tenant, sourceKey }: Heard): Promise<void> {
  try {
    await deps.db.withOrg(orgId, (org) => settleEvent(org, { orgId, platform: 'slack', tenant, sourceKey }));
  } catch (error) {
    deps.log.warn({ orgId, error: errorText(error) }, 'could not store that an interaction was acted on');
  }
}

async function sayWhy({ deps }: Ears, { responseUrl, sorry }: Hand): Promise<void> {
  if (responseUrl === undefined || sorry.body !== undefined) return;
  await deps.respond(responseUrl, { response_type: 'ephemeral', replace_original: false, text: SORRY });
}

const privately = (text: string): Answer => ({ status: 200, body: { response_type: 'ephemeral', text } });

const idIn = (value: string | undefined): string | undefined => zId.parse(value || undefined);

function ofCommand(form: Record<string, string>, interactions: Interactions): Hand {
  const enterprise = zSpelledFlag.parse(form['is_enterprise_install']) ? idIn(form['enterprise_id']) : undefined;
  const team = idIn(form['team_id']);
  const tenant = enterprise ?? team ?? NOWHERE;
  const userId = idIn(form['user_id']);
  const trigger = idIn(form['trigger_id']);
  return {
    tenant,
    userId,
    // Recordings are known in which commands share a trigger: what was typed tells them apart.
    sourceKey: keyOf([
      trigger ?? keyOf(['command', idIn(form['command']), idIn(form['channel_id']), userId]),
      ...(form['text'] ? [sha256(form['text']).slice(0, 8)] : []),
    ]),
    what: 'slash_command',
    homes: homesOf(tenant, team, idIn(form['enterprise_id'])),
    responseUrl: form['response_url'],
    act: (heard) => interactions.command(form, heard),
    sorry: privately(SORRY),
  };
}

function ofPayload(body: unknown, interactions: Interactions): Hand | Answer {
  const { success, data: payload } = zInteraction.safeParse(body);
  if (!success || payload.type === undefined || !isRecord(body))
    return { status: 400, body: 'This is no interaction: it has no type.' };
  // Asks what a list offers, at each key: nothing is done by it, and we have no such lists.
  if (payload.type === 'block_suggestion') return { status: 200, body: { options: [] } };
  const { type, team, enterprise, user } = payload;
  const tenant = tenantOfInteraction(payload);
  return {
    tenant,
    userId: user.id,
    sourceKey: interactionKey(payload),
    what: type,
    homes: homesOf(tenant, payload.view.app_installed_team_id ?? team.id, enterprise.id),
    responseUrl: payload.response_url,
    act: (heard) => interactions.interaction(body, heard),
    sorry: HEARD,
  };
}

const homesOf = (...homes: (string | undefined)[]): string[] => homes.filter((home) => home !== undefined);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
