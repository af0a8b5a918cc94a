import { setTimeout as pause } from 'node:timers/promises';
import type { ChatOut, MessageRef, Outgoing, ThreadRef } from '#core/chat.ts';
import { errorText, PlatformFailure, UserError } from '#core/errors.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import { readOrg } from '#db/orgs.ts';
import { homeOf } from '#db/slack-homes.ts';
import { markShown, postsOfMessage, type SlackPost } from '#db/slack-posts.ts';
import { notification, SLACK_BUDGET, slackMessage, type SlackPart } from '#activities/chat/render/slack/index.ts';
import { createAnchors } from './anchor.ts';
import { later } from './budget.ts';
import { askerOf, isPerson, openDirect } from './direct.ts';
import { createHomes, type Homes } from './home.ts';
import { metadataOf } from './lookup.ts';
import { createPost, showsOf, type Posted, type SlackDeps } from './post.ts';
import { isBadContent, isGoneMessage, refusal, Unreachable } from './refusals.ts';

/** Slack's mouth, with the App Homes that show copies of cards. */
export type SlackChat = ChatOut & { readonly homes: Homes };
type Deps = SlackDeps & { publicUrl: string; show?: NonNullable<ChatOut['show']> };

const PLAIN_LENGTH = 3_000;
/** A limit that ends so soon is waited for: cards are to show the decision within 2 s (RULES A7). */
const SHORT_LIMIT_MS = 1_500;
const DEFAULT_PAUSE_MS = 5_000;

/**
 * Slack, to speak in. `to.channel` may be a person's id, with thread '': a direct message; `to.thread` may be `new:…` (anchor.ts). Edits are outside the
 * channel's budget, and so go before what is posted. Throws `UserError` for what no repetition helps, else what Temporal tries again at the right time.
 */
export function createSlackChat({ publicUrl, show, ...deps }: Deps): SlackChat {
  const { db, slack, log } = deps;
  const homes = createHomes({ db, slack, log, publicUrl });
  const post = createPost(deps);
  const settle = createAnchors({ db, slack, log, post });

  async function partsOf(orgId: string, message: Outgoing): Promise<SlackPart[]> {
    const { policy } = await db.withOrg(orgId, readOrg);
    return slackMessage(message, { linkHosts: policy.linkHosts, feedback: message.isRated === true });
  }

  async function say(orgId: string, to: ThreadRef, message: Outgoing, key = message.key): Promise<MessageRef> {
    const { tenant, thread } = to;
    const channel = isPerson(to.channel) ? await openDirect(slack, orgId, tenant, to.channel) : to.channel;
    let first: Posted | undefined;
    for (const [part, content] of (await partsOf(orgId, message)).entries()) {
      const plain = plainOf(message, content);
      const posted = await post(orgId, { key, part, place: { tenant, channel, thread }, content, plain });
      first ??= posted;
    }
    if (!first) throw new Error('nothing to post');
    return { ...to, channel: first.channel, message: first.ts };
  }

  /** Where the assistant may no longer speak, whoever asked hears it in a direct message. */
  async function sayDirectly(orgId: string, to: ThreadRef, message: Outgoing, why: Unreachable): Promise<MessageRef> {
    const asker = isPerson(to.channel) ? undefined : await db.withOrg(orgId, (org) => askerOf(org, to, message));
    if (asker === undefined) throw unspeakable(why);
    log.warn(
      { orgId, key: message.key, channel: to.channel, code: why.code },
      'a thread cannot be reached; the asker is told directly',
    );
    const direct = { ...to, channel: asker, thread: '' };
    // A card is one message, cut to fit: nothing is added to it.
    const told = message.subject?.kind === 'approval' ? message : { ...message, blocks: [MOVED, ...message.blocks] };
    try {
      return await say(orgId, direct, told, `${message.key}:direct`);
    } catch (error) {
      throw error instanceof Unreachable ? unspeakable(error) : asKnown(error);
    }
  }

  async function edit(orgId: string, at: MessageRef, message: Outgoing): Promise<void> {
    const home = homeOf(at.channel);
    if (home !== null) return homes.publish({ orgId, tenant: at.tenant, externalId: home });
    const place = { tenant: at.tenant, channel: at.channel, ts: at.message };
    const posts = await db.withOrg(orgId, (org) => postsOfMessage(org, place));
    const key = posts[0]?.key ?? message.key;
    for (const [part, content] of (await partsOf(orgId, message)).entries()) {
      const before = posts.find((one) => one.part === part);
      const ts = before?.ts ?? (part === 0 ? at.message : null);
      const plain = plainOf(message, content);
      if (ts === null) await post(orgId, { key, part, place: { ...place, thread: at.thread }, content, plain });
      else if (!('file' in content)) await editPart(orgId, { ...place, ts }, { key, part, content, plain, before });
    }
  }

  async function editPart(
    orgId: string,
    { tenant, channel, ts }: { tenant: string; channel: string; ts: string },
    wanted: {
      key: string;
      part: number;
      content: Exclude<SlackPart, { file: unknown }>;
      plain: string;
      before: SlackPost | undefined;
    },
  ): Promise<void> {
    const { key, part, content, plain, before } = wanted;
    const shows = showsOf(content);
    if (before?.shows === shows) return;
    const update = (body: object): Promise<unknown> =>
      patiently(() =>
        slack.call({ orgId, tenant }, 'chat.update', { channel, ts, metadata: metadataOf(key, part), ...body }),
      );
    try {
      await update({ text: content.text, blocks: content.blocks }).catch((error: unknown) => {
        if (!isBadContent(error)) throw error;
        log.error(
          { orgId, key, part, error: errorText(error), alert: true },
          'Slack refused our blocks; plain text took their place',
        );
        return update({ text: plain, blocks: [] });
      });
    } catch (error) {
      if (!isGoneMessage(error))
        throw error instanceof PlatformFailure && error.kind === 'refused' ? refusal(error) : error;
      log.warn({ orgId, key, part, code: error.code }, 'a message that was to be edited is not there any more');
    }
    if (before) await db.withOrg(orgId, (org) => markShown(org, before, shows));
  }

  /** The whole text as plain words, with the way to where it can be read and answered. */
  function plainOf({ fallback, subject }: Outgoing, content: SlackPart): string {
    const link = subject ? `\n${publicUrl}/${subject.kind}s/${subject.id}` : '';
    const text = 'file' in content ? content.file.title : fallback;
    // Escaping may make it five times as long, and Slack counts that.
    return notification(cut(escapeInvisible(text), PLAIN_LENGTH), PLAIN_LENGTH) + link;
  }

  return {
    platform: 'slack',
    budget: SLACK_BUDGET,
    homes,
    post: async (orgId, to, message) => {
      try {
        return await say(orgId, await settle(orgId, to), message);
      } catch (error) {
        if (!(error instanceof Unreachable)) throw asKnown(error);
        return sayDirectly(orgId, to, message, error);
      }
    },
    edit,
    ...(show ? { show } : {}),
  };
}

const MOVED = {
  kind: 'note' as const,
  tone: 'warning' as const,
  text: 'I cannot write in the thread where you asked any more, so you read this here.',
};

const unspeakable = ({ code }: Unreachable): UserError =>
  new UserError(
    `The assistant may not write in this Slack channel any more (${code}), and not to you directly either. Invite it to the channel, then ask again.`,
    { status: 409 },
  );

/** Opening a direct message fails like a post, but has changed nothing. */
function asKnown(error: unknown): unknown {
  if (!(error instanceof PlatformFailure)) return error;
  if (error.kind === 'limited') return later(errorText(error), error.retryAfterMs ?? DEFAULT_PAUSE_MS, error);
  return error.kind === 'refused' ? refusal(error) : error;
}

/** Waits a short limit out, once. */
async function patiently<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof PlatformFailure) || error.kind !== 'limited') throw error;
    const waitMs = error.retryAfterMs ?? DEFAULT_PAUSE_MS;
    if (waitMs > SHORT_LIMIT_MS) throw later(errorText(error), waitMs, error);
    await pause(waitMs);
    return call();
  }
}
