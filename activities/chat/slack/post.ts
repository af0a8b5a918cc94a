import type { Logger } from 'pino';
import { z } from 'zod';
import type { PlatformApi } from '#core/chat.ts';
import { errorText, PlatformFailure } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import type { Database } from '#db/client.ts';
import { beginSend, claimPost, letPostGo, settlePost, type PostPlace, type SlackPost } from '#db/slack-posts.ts';
import type { SlackPart } from '#activities/chat/render/slack/index.ts';
import { readAnswer } from './answer.ts';
import { holdChannel, later, tryNow, turnIn, waitFor } from './budget.ts';
import { shareFile, uniqueName, type Upload } from './files.ts';
import { findPosted, findShared, metadataOf } from './lookup.ts';
import { isBadContent, isClosed, isRefusedFile, refusal, Unreachable } from './refusals.ts';

/** One post is one process's for so long: longer than the wait for its turn (2.3 s) and a call to Slack (10 s) together, as RULES E4. */
const LEASE_MS = 30_000;
/** Slack's reads lag behind its writes, and a request that timed out may still be under way: only after so long does "not found" count. */
const LANDS_WITHIN_MS = 20_000;
/** An unclear post is looked for after so long. */
const LOOK_AFTER_MS = 3_000;
/** Somebody else is posting this: soon done, mostly. */
const BUSY_AGAIN_MS = 1_000;
const DEFAULT_PAUSE_MS = 5_000;
const WORRYING_TRIES = 10;

export interface SlackDeps {
  db: Database;
  slack: PlatformApi;
  log: Logger;
  upload: Upload;
}
export interface ToPost {
  key: string;
  part: number;
  place: PostPlace;
  content: SlackPart;
  /** Posted in its place when Slack does not take the blocks; escaped. */
  plain: string;
}
export interface Posted {
  channel: string;
  ts: string;
}
const zPosted = z.object({ ts: z.string(), channel: z.string().optional() });

/** Unfurling would let links leak what they point at (RULES T4); neither `link_names` nor `parse`: no text can mention anybody. */
export const QUIET = { unfurl_links: false, unfurl_media: false } as const;
export const showsOf = (content: SlackPart): string => sha256(JSON.stringify(content));
/** The root a reply goes under; null: the message is a root itself. */
const rootOf = (thread: string): string | null => (thread === '' || thread.startsWith('new:') ? null : thread);

/**
 * Posts one message, once: it is written down first, and one whose answer was lost is looked for before it is repeated. Posting the same key again gives
 * the stored place. Throws `Unreachable`, `UserError` for other refusals, and what Temporal is to try again: at Slack's own time where it named one.
 */
export function createPost({ db, slack, log, upload }: SlackDeps) {
  async function post(orgId: string, wanted: ToPost): Promise<Posted> {
    const mark = { ...wanted, shows: showsOf(wanted.content) };
    const { claim, waitMs } = await db.withOrg(orgId, async (org) => {
      const claim = await claimPost(org, mark, LEASE_MS);
      return { claim, waitMs: claim.kind === 'send' ? await turnIn(org, wanted.place) : 0 };
    });
    if (claim.kind === 'posted') return placeOf(claim.post);
    if (claim.kind === 'busy') throw later('it is being posted just now', Math.min(claim.againInMs, BUSY_AGAIN_MS));
    if (claim.kind === 'send') {
      await waitFor(waitMs);
      return send(orgId, claim.post, wanted);
    }
    const found = await lookFor(orgId, claim.post, wanted);
    if (found !== null) return settled(orgId, claim.post, { channel: claim.post.channel, ts: found });
    await waitToLand(orgId, claim);
    return sendAgain(orgId, claim.post, { ...wanted, place: claim.post }, mark.shows);
  }

  async function sendAgain(orgId: string, post: SlackPost, wanted: ToPost, shows: string): Promise<Posted> {
    const { tenant, channel, thread } = wanted.place;
    const place = { tenant, channel, thread };
    log.warn({ orgId, key: wanted.key, part: wanted.part }, 'a post of unknown end is not in Slack; it is repeated');
    const waitMs = await db
      .withOrg(orgId, async (org) => {
        await beginSend(org, post, { place, shows }, LEASE_MS);
        return turnIn(org, place);
      })
      .catch((error: unknown) => release(orgId, post, { isOut: true }, error));
    await waitFor(waitMs);
    return send(orgId, post, { ...wanted, place });
  }

  async function send(orgId: string, post: SlackPost, wanted: ToPost): Promise<Posted> {
    try {
      const ts = await say(orgId, wanted);
      return await settled(orgId, post, ts);
    } catch (error) {
      return afterFailure(orgId, post, wanted, error);
    }
  }

  async function say(orgId: string, { place, key, part, content, plain }: ToPost): Promise<Posted> {
    const { tenant, channel, thread } = place;
    const threadTs = rootOf(thread);
    const args = {
      channel,
      ...(threadTs === null ? {} : { thread_ts: threadTs }),
      metadata: metadataOf(key, part),
      ...QUIET,
    };
    const call = async (body: object): Promise<Posted> => {
      const answer = await slack.call({ orgId, tenant }, 'chat.postMessage', { ...args, ...body });
      const { ts, channel: at = channel } = readAnswer(zPosted, answer);
      return { channel: at, ts };
    };
    try {
      if (!('file' in content)) return await call({ text: content.text, blocks: content.blocks });
      const name = uniqueName(content.file.name, key, part);
      return { channel, ts: await shareFile({ slack, upload }, { orgId, tenant, channel, threadTs }, content, name) };
    } catch (error) {
      // A file may be refused for many reasons, a right that is missing among them; the link to the panel takes its place.
      if (!('file' in content ? isRefusedFile(error) : isBadContent(error))) throw error;
      log.error(
        { orgId, key, part, error: errorText(error), alert: true },
        `Slack refused our ${'file' in content ? 'file' : 'blocks'}; plain text went out`,
      );
      return call({ text: plain });
    }
  }

  async function lookFor(orgId: string, post: SlackPost, { key, part, content }: ToPost): Promise<string | null> {
    const { tenant, channel, intendedAt } = post;
    const at = { tenant, channel, threadTs: rootOf(post.thread), since: intendedAt };
    try {
      const name = 'file' in content ? uniqueName(content.file.name, key, part) : null;
      const shared = name === null ? null : await findShared(slack, orgId, at, name);
      return shared ?? (await findPosted(slack, orgId, at, key, part));
    } catch (error) {
      if (isClosed(error)) return release(orgId, post, { isOut: true }, new Unreachable(error.code));
      const againInMs = error instanceof PlatformFailure ? error.retryAfterMs : undefined;
      const cause = error instanceof Error ? error : new Error(String(error));
      const wait = later(
        `it is not known whether it was posted: ${errorText(error)}`,
        againInMs ?? DEFAULT_PAUSE_MS,
        cause,
      );
      return release(orgId, post, { isOut: true }, wait);
    }
  }

  async function waitToLand(orgId: string, { post, sentAgoMs }: { post: SlackPost; sentAgoMs: number }): Promise<void> {
    if (sentAgoMs >= LANDS_WITHIN_MS) return;
    const wait = later(
      'it was posted a moment ago and is not seen yet',
      Math.min(LOOK_AFTER_MS, LANDS_WITHIN_MS - sentAgoMs),
    );
    await release(orgId, post, { isOut: true }, wait);
  }

  async function afterFailure(orgId: string, post: SlackPost, { place }: ToPost, error: unknown): Promise<never> {
    if (!(error instanceof PlatformFailure)) return release(orgId, post, { isOut: true }, error);
    if (error.kind === 'unclear')
      return release(orgId, post, { isOut: true }, later(errorText(error), LOOK_AFTER_MS, error));
    const { retryAfterMs = DEFAULT_PAUSE_MS } = error;
    if (error.kind === 'limited')
      await db.withOrg(orgId, (org) => holdChannel(org, place, retryAfterMs)).catch(() => undefined);
    return release(orgId, post, { isOut: false }, asThrown(error, retryAfterMs));
  }

  async function settled(orgId: string, post: SlackPost, at: Posted): Promise<Posted> {
    await db.withOrg(orgId, (org) => settlePost(org, post, at));
    return at;
  }

  /** Others may go on with it; then the error rises. */
  async function release(orgId: string, post: SlackPost, how: { isOut: boolean }, error: unknown): Promise<never> {
    await db
      .withOrg(orgId, (org) => letPostGo(org, post, how))
      .catch((failed: unknown) =>
        log.warn({ orgId, key: post.key, error: errorText(failed) }, 'a post is held until its lease ends'),
      );
    throw error;
  }

  /** What is tried so often may never be said: somebody has to look. */
  return async (orgId: string, wanted: ToPost): Promise<Posted> => {
    try {
      return await post(orgId, wanted);
    } catch (error) {
      const tries = tryNow();
      const words = { orgId, key: wanted.key, part: wanted.part, tries, error: errorText(error) };
      if (tries % WORRYING_TRIES === 0) log.error({ ...words, alert: true }, 'a message is still not in Slack');
      throw error;
    }
  };
}

/** What Temporal sees of a post that certainly did not go out. */
function asThrown(failure: PlatformFailure, retryAfterMs: number): Error {
  if (failure.kind === 'limited') return later(errorText(failure), retryAfterMs, failure);
  if (failure.kind === 'not_sent') return failure;
  return isClosed(failure) ? new Unreachable(failure.code) : refusal(failure);
}

const placeOf = ({ channel, ts }: SlackPost): Posted => ({ channel, ts: ts ?? '' });
