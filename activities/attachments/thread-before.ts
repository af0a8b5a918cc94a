import type { PlatformApi } from '#core/chat.ts';
import { PlatformFailure } from '#core/errors.ts';
import { linesOf, storable } from '#core/text.ts';
import { plainText } from '#activities/chat/render/slack/plain-text.ts';
import { z } from 'zod';
import { skipped, type Content } from './content.ts';
import { insistently } from './fetch-file.ts';
import { ATTACHMENT_LIMITS } from './limits.ts';

/** Slack hands them out oldest first, 200 at a time at most; more pages than this are not asked for. */
const PAGE = 200;
const PAGES = 5;

/** What was posted, as far as it is read here. */
const zPost = z.object({
  ts: z.string(),
  text: z.string().default(''),
  user: z.string().optional(),
  bot_id: z.string().optional(),
  username: z.string().optional(),
  subtype: z.string().optional(),
  files: z.array(z.object({ name: z.string().nullish() })).optional(),
});
type Post = z.infer<typeof zPost>;
const zPage = z.object({
  messages: z.array(z.unknown()).default([]),
  response_metadata: z.object({ next_cursor: z.string().optional() }).nullish(),
});

/** People's words. Joins, topics and the like say nothing. */
const SPOKEN = new Set([undefined, 'bot_message', 'thread_broadcast', 'file_share', 'me_message']);

export interface ThreadAsk {
  orgId: string;
  tenant: string;
  channel: string;
  root: string;
  /** The request's own time: what came later is not read. */
  before: string;
  /** The app itself: its own posts are left out. */
  self: { userId: string | null; botId: string | null };
  /** People's names, as far as they are known. */
  namesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

/** What was said in a Slack thread before a request: the newest messages, a line for each (`Bo: …`, further lines indented). Throws the signal's reason, and what the database throws. */
export async function readThreadBefore(slack: PlatformApi, ask: ThreadAsk, signal: AbortSignal): Promise<Content> {
  try {
    const { posts, isCut } = await postsBefore(slack, ask, signal);
    const spoken = posts.filter((post) => SPOKEN.has(post.subtype) && !isOwn(post, ask) && post.ts !== ask.before);
    const names = await ask.namesOf(peopleIn(spoken));
    const lines = spoken.map((post) => lineOf(post, names)).filter((line) => line !== null);
    return asContent(lines, isCut);
  } catch (error) {
    if (!(error instanceof PlatformFailure)) throw error;
    return skipped(whyNot(error));
  }
}

async function postsBefore(
  slack: PlatformApi,
  { orgId, tenant, channel, root, before }: ThreadAsk,
  signal: AbortSignal,
): Promise<{ posts: Post[]; isCut: boolean }> {
  const posts: Post[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const args = { channel, ts: root, latest: before, inclusive: false, limit: PAGE, ...(cursor && { cursor }) };
    const answer = await insistently(
      () => slack.call({ orgId, tenant }, 'conversations.replies', args),
      signal,
      // A second try, after the wait that was asked for.
      2,
    );
    const { messages, response_metadata: more } = zPage.parse(answer);
    posts.push(...messages.flatMap((message) => zPost.safeParse(message).data ?? []));
    cursor = more?.next_cursor;
    if (!cursor) return { posts, isCut: false };
  }
  return { posts, isCut: true };
}

const isOwn = ({ user, bot_id: botId }: Post, { self }: ThreadAsk): boolean =>
  (user !== undefined && user === self.userId) || (botId !== undefined && botId === self.botId);

const peopleIn = (posts: readonly Post[]): string[] => [
  ...new Set(
    posts.flatMap(({ user, text }) => [
      ...(user === undefined ? [] : [user]),
      ...[...text.matchAll(/<@([UW]\w+)/g)].map(([, id = '']) => id),
    ]),
  ),
];

function lineOf(
  { text, user, username, bot_id: botId, files = [] }: Post,
  names: ReadonlyMap<string, string>,
): string | null {
  const known = user === undefined ? undefined : names.get(user);
  const name = (known ?? (botId ? (username ?? 'an app') : 'someone')).replaceAll(/[:\s]+/g, ' ').trim() || 'someone';
  const brought = files.map((file) => `[file ${file.name ?? 'without a name'}]`);
  const said = [plainText(text, { names }).trim(), ...brought].filter(Boolean).join(' ');
  return said === '' ? null : `${name.slice(0, 80)}: ${linesOf(said).join('\n  ')}`;
}

/** The newest that fit. */
function asContent(lines: readonly string[], isCut: boolean): Content {
  const { threadMessages, threadLength } = ATTACHMENT_LIMITS;
  const kept: string[] = [];
  let length = 0;
  for (const line of lines.slice(-threadMessages).toReversed()) {
    const part = line.slice(0, threadLength);
    length += part.length + 1;
    if (length > threadLength + 1) break;
    kept.unshift(part);
  }
  if (kept.length === 0) return skipped('Nothing was said in the thread before.');
  const older = lines.length - kept.length;
  const note = isCut
    ? 'The thread is very long: messages close to the request may be missing.'
    : older > 0
      ? `${older} older ${older === 1 ? 'message is' : 'messages are'} left out.`
      : null;
  return { status: 'read', mimeType: 'text/plain', text: storable(kept.join('\n')), note };
}

function whyNot({ kind, code }: PlatformFailure): string {
  if (kind === 'limited')
    return 'Slack was asked too often just now, so what was said before was not read. Quote what matters.';
  if (code === 'not_in_channel' || code === 'channel_not_found')
    return 'The app is not in this channel, so what was said before was not read. Invite it, or quote what matters.';
  if (kind === 'refused')
    return `Slack did not hand out what was said before (${code.slice(0, 60)}). Quote what matters.`;
  return 'What was said before could not be fetched. Quote what matters.';
}

/** A stored thread's text, message by message. */
export const saidIn = (text: string): { name: string; text: string }[] =>
  text
    .split(/\n(?! {2})/)
    .map((part) => /^(?<name>[^:\n]{1,80}): (?<text>[^]*)$/.exec(part)?.groups)
    .flatMap((found) => (found ? [{ name: found['name'] ?? 'someone', text: found['text'] ?? '' }] : []));
