import type { Sender } from '#core/chat.ts';
import type { Actor } from '#core/roles.ts';
import type { FoundActor } from '#workflows/client.ts';
import type { SlackProfile } from '#db/slack-people.ts';
import type { Heard, SlackBotDeps } from './deps.ts';
import { createPeople, type People } from './people.ts';
import { isUnknown, lineOfUnknown, NOT_LOOKED_UP } from './unknown.ts';

/** Who clicked or typed: a member, or why they may not, in a line for them. */
export type Found = { actor: Actor; name: string; sender: Sender } | NotFound;
type NotFound =
  | Extract<FoundActor, { refused: string }>
  | { refused: string; reason: typeof NOT_LOOKED_UP; orgId: string };

/** What a payload says of whoever sent it; only ids count (RULES I3). */
export interface Claimed {
  userId: string;
  /** Their own workspace. */
  teamId: string;
  /** The Enterprise it came from, whose workspaces share their people. */
  enterpriseId: string | null;
}
export type WhoIs = (heard: Heard, claimed: Claimed) => Promise<Found>;

/** What they are told. Whoever we do not know learns how to change that. */
export const lineFor = ({ refused, reason }: NotFound): string =>
  reason === 'unlinked' && !refused.includes(CONNECT) ? `${refused} Type ${CONNECT} to link your account.` : refused;
const CONNECT = '/abet connect';

const NO_COLLEAGUE = 'I work for full members of this workspace only. Ask a colleague who is one.';

const MOVED = 'This workspace has moved to another organisation just now. Try again in a minute.';

/** Finds the member behind an account, by our tables and what Slack says of the person. */
export function createWho(deps: SlackBotDeps, people: People = createPeople(deps)): WhoIs {
  const { client } = deps;
  return async ({ orgId, tenant }, claimed) => {
    const { userId, enterpriseId } = claimed;
    const homes = [tenant, ...(enterpriseId === null ? [] : [enterpriseId])];
    const at = { orgId, tenant, homes, isEnterprise: tenant === enterpriseId };
    const profile = await people.who(at, userId);
    if (isStranger(tenant, claimed, isUnknown(profile) ? null : profile))
      return { refused: NO_COLLEAGUE, reason: 'stranger', orgId };
    // What we know of the account may be of before: nobody acts whom Slack does not name.
    if (isUnknown(profile)) return { refused: lineOfUnknown(profile), reason: NOT_LOOKED_UP, orgId };
    const account = { platform: 'slack', tenant, externalId: userId } as const;
    let found = await client.findActor(account);
    if ('refused' in found && found.reason === 'unlinked') {
      await people.matchEmail(at, userId, profile);
      found = await client.findActor(account);
    }
    if ('refused' in found) return found;
    // The workspace went to another org since the delivery was stored: nobody of that one acts in this one.
    if (found.actor.orgId !== orgId) return { refused: MOVED, reason: 'unknown_tenant', orgId };
    const sender = { id: userId, name: profile.name, isBot: false, isGuest: false };
    return { ...found, sender };
  };
}

/** Of another company, through Slack Connect. Within an Enterprise people have other workspaces, and Slack itself says whose they are. */
function isStranger(tenant: string, { teamId, enterpriseId }: Claimed, profile: SlackProfile | null): boolean {
  if (profile?.isStranger) return true;
  const isElsewhere = teamId !== '' && teamId !== tenant && teamId !== enterpriseId;
  return isElsewhere && (enterpriseId === null || profile === null);
}
