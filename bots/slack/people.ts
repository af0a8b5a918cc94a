import { z } from 'zod';
import { errorText, PlatformFailure, UserError } from '#core/errors.ts';
import { storable } from '#core/text.ts';
import { findIdentity, linkIdentity, wasUnlinked } from '#db/identities.ts';
import { readOrg } from '#db/orgs.ts';
import {
  findActiveByEmail,
  readSlackPerson,
  saveSlackPerson,
  updateSlackPerson,
  type SlackProfile,
} from '#db/slack-people.ts';
import type { SlackBotDeps } from './deps.ts';
import { zFlag, zId, zSaid } from './envelope.ts';
import { within } from './later.ts';
import { createAlert, isUnknown, type Unknown } from './unknown.ts';

/** What Slack said of a person counts this long; a `user_change` ends it sooner. */
const FRESH_MS = 10 * 60_000;
const CACHED_MS = 60_000;
const MOST_CACHED = 5_000;
/** How long Slack is waited for: the message itself must be acknowledged within 3 s. */
const WAIT_MS = 1_500;

export interface Where {
  orgId: string;
  tenant: string;
  /** The teams, and the enterprise, that count as this workspace. */
  homes: readonly string[];
  /** Its teams belong to one Enterprise. */
  isEnterprise?: boolean;
}

const zEnterpriseUser = z.object({ enterprise_id: zId, teams: z.array(zId).catch([]) });
const zUser = z.object({
  id: zId,
  team_id: zId,
  name: zSaid,
  real_name: zSaid,
  deleted: zFlag,
  is_bot: zFlag,
  is_workflow_bot: zFlag,
  is_restricted: zFlag,
  is_ultra_restricted: zFlag,
  is_stranger: zFlag,
  enterprise_user: zEnterpriseUser.optional().catch(undefined),
  profile: z.object({ display_name: zSaid, real_name: zSaid, email: zSaid }).catch({
    display_name: '',
    real_name: '',
    email: '',
  }),
});

/** Slack's user object → what we keep. `homes` as in `Where`. */
export function profileOf(given: unknown, homes: readonly string[]): (SlackProfile & { externalId: string }) | null {
  const { success, data: user } = zUser.safeParse(given);
  if (!success || user.id === undefined) return null;
  const { profile, enterprise_user } = user;
  const theirs = [user.team_id, enterprise_user?.enterprise_id, ...(enterprise_user?.teams ?? [])];
  const known = theirs.filter((team) => team !== undefined);
  const name = [profile.display_name, profile.real_name, user.real_name, user.name].find((each) => each.trim() !== '');
  return {
    externalId: user.id,
    name: lineOf(name ?? '') || user.id,
    email: storable(profile.email).slice(0, 320) || null,
    teamId: user.team_id ?? null,
    isBot: user.is_bot || user.is_workflow_bot,
    isGuest: user.is_restricted || user.is_ultra_restricted,
    isStranger: user.is_stranger || (known.length > 0 && !known.some((team) => homes.includes(team))),
    isDeactivated: user.deleted,
  };
}

/** Slack's own names have 80 characters at most. Theirs goes into what others ask, so it is one line that says no more than a name does. */
const lineOf = (name: string): string =>
  storable(name)
    .replaceAll(/[\s\p{Cc}\p{Bidi_Control}]+/gu, ' ')
    .trim()
    .slice(0, 80)
    .toWellFormed();

export type People = ReturnType<typeof createPeople>;

/** Who is this? Slack is asked, and what it said is kept. */
export function createPeople({ db, slack, log, now = Date.now }: Pick<SlackBotDeps, 'db' | 'slack' | 'log' | 'now'>) {
  const cached = new Map<string, { profile: Promise<SlackProfile | Unknown>; until: number }>();
  const alert = createAlert({ log, now });
  const keyOf = (tenant: string, userId: string): string => `${tenant} ${userId}`;

  async function ask({ orgId, tenant, homes }: Where, externalId: string): Promise<SlackProfile | Unknown> {
    try {
      const { user } = await slack.call({ orgId, tenant }, 'users.info', { user: externalId });
      const profile = profileOf(user, homes);
      if (!profile) throw new PlatformFailure('refused', 'nobody_named');
      await db.withOrg(orgId, (org) => saveSlackPerson(org, { tenant, externalId }, profile));
      return profile;
    } catch (error) {
      if (error instanceof PlatformFailure && error.kind === 'refused') {
        // Whom Slack hides from us is nobody of this workspace.
        if (HIDDEN.has(error.code)) return strangerOf(externalId);
        alert({ orgId, tenant }, error);
        return { isLasting: true, code: error.code };
      }
      log.warn({ tenant, error: errorText(error) }, 'Slack did not say who somebody is');
      return NOT_NOW;
    }
  }

  async function find(at: Where, externalId: string): Promise<SlackProfile | Unknown> {
    const row = await db.withOrg(at.orgId, (org) => readSlackPerson(org, { ...at, externalId }));
    if (row && now() - row.fetchedAt.getTime() < FRESH_MS) return row;
    const said = await within(ask(at, externalId), WAIT_MS, NOT_NOW);
    // An outage ends; a refusal stays, and what was true of them long ago would count for ever.
    const isLeft = isUnknown(said) && !said.isLasting && row && row.fetchedAt.getTime() > 0;
    return isLeft ? row : said;
  }

  return {
    /** What is known of a person, or why nothing is. */
    who: (at: Where, externalId: string): Promise<SlackProfile | Unknown> => {
      const key = keyOf(at.tenant, externalId);
      const known = cached.get(key);
      if (known && known.until > now()) return known.profile;
      if (cached.size >= MOST_CACHED) cached.clear();
      const profile = find(at, externalId);
      cached.set(key, { profile, until: now() + CACHED_MS });
      // Nothing, or a failure, is not remembered.
      const forget = (): void => {
        if (cached.get(key)?.profile === profile) cached.delete(key);
      };
      profile.then((known) => isUnknown(known) && forget(), forget);
      return profile;
    },
    /** Slack says that somebody changed. Whom we never met stays unmet. */
    changed: async ({ orgId, tenant, homes }: Where, user: unknown): Promise<void> => {
      const profile = profileOf(user, homes);
      if (!profile) return;
      const { externalId, ...known } = profile;
      await db.withOrg(orgId, (org) => updateSlackPerson(org, { tenant, externalId }, known));
      cached.delete(keyOf(tenant, externalId));
    },
    /** Ties an ordinary person to the one active member with their e-mail address, where the org allows it at this moment; not again after `/abet disconnect`. */
    matchEmail: async ({ orgId, tenant }: Where, externalId: string, person: SlackProfile): Promise<void> => {
      const { email } = person;
      if (!email || person.isBot || person.isGuest || person.isStranger || person.isDeactivated) return;
      const account = { platform: 'slack', tenant, externalId } as const;
      try {
        await db.withOrg(orgId, async (org) => {
          if (await findIdentity(org, account)) return;
          const { settings } = await readOrg(org);
          if (!settings.slack.matchEmail) return;
          const member = await findActiveByEmail(org, email);
          if (!member || (await wasUnlinked(org, { ...account, memberId: member.id }))) return;
          await linkIdentity(org, { ...account, memberId: member.id, how: 'email', actor: 'system' });
        });
      } catch (error) {
        if (!(error instanceof UserError)) throw error;
        log.warn({ tenant, error: error.message }, 'an e-mail match was refused');
      }
    },
  };
}

const NOT_NOW: Unknown = { isLasting: false, code: 'not_now' };

const HIDDEN = new Set(['user_not_found', 'user_not_visible', 'users_not_found']);

/** Somebody of another company of whom nothing more is known. */
export const strangerOf = (name: string): SlackProfile => ({
  name,
  email: null,
  teamId: null,
  isBot: false,
  isGuest: false,
  isStranger: true,
  isDeactivated: false,
});
