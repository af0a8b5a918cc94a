import { z } from 'zod';
import { errorText } from '#core/errors.ts';
import { noteHeard } from '#db/slack-installations.ts';
import type { Workspace } from '#db/slack-workspaces.ts';
import type { Answer } from './deps.ts';
import { AGAIN, HEARD, rowOf, type Ears, type HeardEvent } from './ears.ts';
import { eventKey, NOWHERE, tenantOf, zEnvelope, zId, type Envelope } from './envelope.ts';
import { earFor } from './events/index.ts';
import { ownKeyOf, zMessage } from './said.ts';
import { createSeldom } from './seldom.ts';
import { createHearInteraction, type HearInteraction } from './clicked.ts';
import type { Interactions } from './deps.ts';

/** What Slack delivers, by whichever way it came. */
export type Delivery = {
  /** sha256 of what it was signed with; a socket signs nothing. */
  signature?: string | undefined;
} & (
  | { kind: 'event'; body: unknown }
  | { kind: 'command'; form: Record<string, string> }
  | { kind: 'interaction'; body: unknown }
);

/** Once it resolves, the delivery is stored and may be acknowledged. Throws, or answers 503: it is not, and Slack shall send it again (RULES I1). */
export type Hear = (delivery: Delivery) => Promise<Answer>;

const HEARD_AGAIN_MS = 60_000;

export function createHear(ears: Ears, interactions: Interactions): Hear {
  const hearInteraction: HearInteraction = createHearInteraction(ears, interactions);
  const noted = createNoteHeard(ears);
  return async (delivery) => {
    const { signature } = delivery;
    if (delivery.kind !== 'event') return hearInteraction(delivery);
    const { success, data: envelope } = zEnvelope.safeParse(delivery.body);
    if (!success || envelope.type === undefined) return { status: 400, body: 'This is no event: it has no type.' };
    return hearEvent(ears, envelope, signature, noted);
  };
}

const zEvent = z.object({ type: zId, user: zId });

async function hearEvent(
  ears: Ears,
  envelope: Envelope,
  signature: string | undefined,
  noted: (workspace: Workspace) => void,
): Promise<Answer> {
  const { event } = envelope;
  const tenant = tenantOf(envelope);
  const { type = envelope.type ?? '', user } = zEvent.parse(event);
  const isMessage = type === 'message' || type === 'app_mention';
  const sourceKey = (isMessage ? ownKeyOf(zMessage.parse(event)) : undefined) ?? eventKey(envelope);
  const { client, log } = ears.deps;
  if (type === 'app_rate_limited') log.warn({ tenant }, 'Slack holds events back: more than 30 000 in an hour');

  const workspace = tenant === NOWHERE ? 'unknown' : await ears.workspaces.find(tenant);
  if (workspace === 'unreachable') return AGAIN;
  if (workspace === 'unknown') {
    await client.note(
      rowOf(
        { at: { orgId: '', tenant, homes: [], isEnterprise: false }, sourceKey, signature },
        'refused',
        'unknown_tenant',
        user,
      ),
    );
    return HEARD;
  }
  const heard: HeardEvent = { envelope, event, workspace, ...ofWorkspace(envelope, workspace), sourceKey, signature };
  const ear = envelope.type === 'event_callback' ? earFor(type) : undefined;
  noted(workspace);
  if (ear) return ear.hear(ears, heard);
  await client.note(rowOf(heard, 'ignored', type, user));
  return HEARD;
}

function ofWorkspace(envelope: Envelope, { orgId, tenant, installed }: Workspace): Pick<HeardEvent, 'at' | 'bot'> {
  const [first] = envelope.authorizations;
  const enterprise = enterpriseOf(envelope);
  const homes = [tenant, first?.team_id, envelope.context_team_id, enterprise].filter((home) => home !== undefined);
  return {
    at: { orgId, tenant, homes, isEnterprise: enterprise !== undefined },
    bot: {
      userId: installed?.botUserId ?? envelope.authorizations.find(({ is_bot }) => is_bot)?.user_id,
      botId: installed?.botId ?? undefined,
    },
  };
}

/** The Enterprise that the app is installed in. The envelope's own may be the writer's, in a channel that is shared with another company (Slack Connect). */
function enterpriseOf(envelope: Envelope): string | undefined {
  const [first] = envelope.authorizations;
  const ours = first?.enterprise_id ?? envelope.context_enterprise_id;
  const isOfOurs = first === undefined && envelope.context_team_id === undefined;
  return ours ?? (isOfOurs || first?.is_enterprise_install ? envelope.enterprise_id : undefined);
}

/** Says, once a minute, that a workspace was heard. */
function createNoteHeard({ deps: { db, log, now }, later }: Ears): (workspace: Workspace) => void {
  const isDue = createSeldom(HEARD_AGAIN_MS, now);
  return ({ orgId, tenant }) => {
    if (!isDue(tenant)) return;
    later.add(() =>
      db
        .withOrg(orgId, (org) => noteHeard(org, tenant))
        .catch((error: unknown) =>
          log.debug({ tenant, error: errorText(error) }, 'could not note that Slack was heard'),
        ),
    );
  };
}
