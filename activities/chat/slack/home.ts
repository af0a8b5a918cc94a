import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { PlatformApi } from '#core/chat.ts';
import { errorText, PlatformFailure } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import { can } from '#core/roles.ts';
import { decidersOf, isDecider } from '#db/approvers.ts';
import { readApproval } from '#db/approvals.ts';
import type { Database, Org } from '#db/client.ts';
import { listConnections } from '#db/connections.ts';
import { findIdentity } from '#db/identities.ts';
import { listApprovals } from '#db/lists.ts';
import { readMember } from '#db/members.ts';
import { listRuns } from '#db/run-list.ts';
import { addHomeCards, noteHome, openedHomes, readHome, settleHomeCards, type HomePlace } from '#db/slack-homes.ts';
import { makeLink } from '#db/slack-links.ts';
import { isOutsider, readSlackPerson } from '#db/slack-people.ts';
import { viewsOf, type ApprovalView } from '#db/views/approvals.ts';
import { homeView, type Home } from '#activities/chat/render/slack/index.ts';
import { later } from './budget.ts';
import { isTakenAway, refusal } from './refusals.ts';

/** What a home shows at most; the panel shows the rest. */
const SHOWN = { approvals: 20, runs: 5, connections: 10 } as const;
/** Published again when an approval is asked for, at most: the others see it when they open theirs. */
const MAX_REFRESHED = 20;
/** Another change came in between so often; the next one publishes again. */
const MAX_ROUNDS = 3;
const DEFAULT_PAUSE_MS = 5_000;
/** A refresh is beside the work of a run: it waits longer than that for nobody, and the home is new when it is opened. */
const MAX_PAUSE_MS = 60_000;
const MAX_TRIES = 3;

export type HomeOf = HomePlace & { orgId: string };
export interface Homes {
  /** Shows a person's App Home as it stands now. `isOpened`: they look at it. Throws `UserError`, or what Temporal tries again. */
  publish(home: HomeOf & { isOpened?: boolean }): Promise<void>;
  /** Publishes the homes of those who may decide an approval, as far as they were opened. Never throws. */
  refreshFor(orgId: string, approvalId: string): Promise<void>;
  /** Publishes a member's own homes, as far as they were opened. Never throws. */
  refreshOwn(orgId: string, memberId: string): Promise<void>;
}

/** App Homes: each shows what its owner may see, and copies of the cards that they may decide (RULES A7, D2). */
export function createHomes(deps: { db: Database; slack: PlatformApi; log: Logger; publicUrl: string }): Homes {
  const { db, slack, log, publicUrl } = deps;

  async function publish({ orgId, isOpened = false, ...place }: HomeOf & { isOpened?: boolean }): Promise<void> {
    let before = isOpened ? null : ((await db.withOrg(orgId, (org) => readHome(org, place)))?.shows ?? null);
    // What was published is compared with what is true afterwards: of two at once, the one that ends last is right.
    for (let round = 1; round <= MAX_ROUNDS; round += 1) {
      const { home, shows, cards, mayLink } = await db.withOrg(orgId, (org) => readFor(org, place));
      if (shows === before) return;
      await db.withOrg(orgId, (org) => addHomeCards(org, place, cards));
      const linkUrl = mayLink ? await newLink(orgId, place) : undefined;
      await show(orgId, place, { ...home, ...(linkUrl === undefined ? {} : { linkUrl }) });
      const shown = cards.map(({ id }) => id);
      await db.withOrg(orgId, async (org) => {
        await noteHome(org, place, { shows, isOpened });
        await settleHomeCards(org, place, shown);
      });
      before = shows;
    }
  }

  /** What Temporal would do, where no step of it waits. */
  async function publishPatiently(home: HomeOf): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const waitMs = await publish(home).catch((error: unknown) => {
        const askedMs = askedToWait(error);
        if (askedMs === null || askedMs > MAX_PAUSE_MS || tries === MAX_TRIES) throw error;
        return askedMs;
      });
      if (waitMs === undefined) return;
      await pause(waitMs, undefined, { ref: false });
    }
  }

  async function show(orgId: string, { tenant, externalId }: HomePlace, home: Home): Promise<void> {
    try {
      await slack.call({ orgId, tenant }, 'views.publish', { user_id: externalId, view: homeView(home) });
    } catch (error) {
      if (isTakenAway(error)) return;
      if (!(error instanceof PlatformFailure)) throw error;
      if (error.kind === 'limited') throw later(errorText(error), error.retryAfterMs ?? DEFAULT_PAUSE_MS, error);
      throw error.kind === 'refused' ? refusal(error) : error;
    }
  }

  const newLink = async (orgId: string, place: HomePlace): Promise<string> =>
    `${publicUrl}/link/${(await db.withOrg(orgId, (org) => makeLink(org, place))).token}`;

  /** The home and a hash of it, without the link that is new each time. */
  async function readFor(org: Org, place: HomePlace): Promise<Shown & { shows: string }> {
    const found = await readHomeOf(org, place, publicUrl);
    return { ...found, shows: sha256(JSON.stringify(found.home)) };
  }

  /** Publishes the homes of these members, as far as they were opened; what fails is logged. */
  async function refresh(orgId: string, about: object, membersOf: (org: Org) => Promise<string[]>): Promise<void> {
    const warn = (failed: number, error: unknown): void =>
      log.warn({ orgId, ...about, failed, error: errorText(error) }, 'homes were not published again');
    try {
      const places = await db.withOrg(orgId, async (org) => openedHomes(org, await membersOf(org), MAX_REFRESHED));
      const published = await Promise.allSettled(places.map((place) => publishPatiently({ orgId, ...place })));
      const failed = published.filter((one) => one.status === 'rejected');
      if (failed.length > 0) warn(failed.length, failed[0]?.reason);
    } catch (error) {
      warn(0, error);
    }
  }

  return {
    publish,
    refreshFor: (orgId, approvalId) =>
      refresh(orgId, { approvalId }, async (org) => {
        const approval = await readApproval(org, approvalId);
        return approval ? decidersOf(org, approval) : [];
      }),
    refreshOwn: (orgId, memberId) => refresh(orgId, { memberId }, async () => [memberId]),
  };
}

/** How long Slack asks to wait, in ms; null: it is another failure. */
const askedToWait = (error: unknown): number | null =>
  error instanceof Error && error.cause instanceof PlatformFailure && error.cause.kind === 'limited'
    ? (error.cause.retryAfterMs ?? DEFAULT_PAUSE_MS)
    : null;

interface Shown {
  home: Home;
  cards: ApprovalView[];
  /** They get a private link that ties their account to a member. */
  mayLink: boolean;
}

async function readHomeOf(org: Org, { tenant, externalId }: HomePlace, publicUrl: string): Promise<Shown> {
  const identity = await findIdentity(org, { platform: 'slack', tenant, externalId });
  const member = identity && (await readMember(org, identity.memberId));
  const person = await readSlackPerson(org, { tenant, externalId });
  const empty = { publicUrl, memberName: '', approvals: [], runs: [], connections: [], isLinked: false };
  const without = (notice: NonNullable<Home['notice']>): Shown => ({
    home: { ...empty, notice },
    cards: [],
    mayLink: false,
  });
  if (person && isOutsider(person)) return without('outsider');
  // Whoever Slack has not told us about may be a guest.
  const isKnown = person !== undefined && person.fetchedAt.getTime() > 0;
  if (!member) return { home: empty, cards: [], mayLink: isKnown };
  if (member.status !== 'active') return without('switched_off');
  const actor = { orgId: org.id, memberId: member.id, role: member.role };
  const waiting = await listApprovals(org, actor, { limit: 50, status: 'pending' });
  const mine = [];
  // The oldest first: it waits longest.
  for (const row of waiting.items.toReversed()) {
    if (await isDecider(org, row.approval, member)) mine.push(row);
    if (mine.length === SHOWN.approvals) break;
  }
  const cards = await viewsOf(org, mine);
  const own = await listRuns(org, actor, { limit: SHOWN.runs, requestedBy: member.id });
  const connections = await listConnections(org, actor, { limit: SHOWN.connections });
  return {
    cards,
    mayLink: false,
    home: {
      publicUrl,
      memberName: member.name,
      isLinked: true,
      approvals: cards,
      runs: own.items.map(({ run, text }) => {
        const isOpen = run.status === 'running' || run.status === 'waiting';
        const isStopping = isOpen && run.stopRequestedAt !== null;
        return {
          id: run.id,
          text: text ?? '',
          status: run.status,
          isStopping,
          mayStop: isOpen && !isStopping && can(member.role, 'run.stop'),
          startedAt: run.createdAt,
        };
      }),
      connections: connections.items.map(({ name, connector, health, healthText, offered }) => ({
        name,
        connector,
        problem:
          health === 'down'
            ? (healthText ?? 'It does not answer.')
            : offered
              ? 'It offers something new; an admin has to look.'
              : null,
      })),
    },
  };
}
