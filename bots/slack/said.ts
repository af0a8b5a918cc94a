import { z } from 'zod';
import type { InboundFile, InboundQuote, ThreadRef } from '#core/chat.ts';
import { zFlag, zId, zList, zPart, zSaid, zTs } from './envelope.ts';
import { zAppContext } from './looking.ts';
import { callsAnother, mentionsIn } from './text.ts';

/** A `message` or `app_mention` event. */
export const zMessage = z.object({
  type: zId,
  subtype: zId,
  user: zId,
  bot_id: zId,
  bot_profile: z.unknown().optional(),
  hidden: zFlag,
  edited: z.unknown().optional(),
  /** Of a reply that is shown in the channel too: the message that it replies to. */
  root: zPart,
  /** Of an event about another message: that message, as it is now and as it was. */
  message: zPart,
  previous_message: zPart,
  deleted_ts: zTs,
  text: zSaid,
  ts: zTs,
  thread_ts: zTs,
  channel: zId,
  channel_type: zId,
  team: zId,
  user_team: zId,
  source_team: zId,
  app_context: zAppContext,
  files: zList,
  attachments: zList,
});
export type Said = z.infer<typeof zMessage>;
/** With what a message cannot be without. */
export type Placed = Said & { channel: string; ts: string; user: string };

export interface Bot {
  userId: string | undefined;
  botId: string | undefined;
}
export type Judged =
  | { kind: 'ignored'; reason: string }
  /** `follow_up`: for us if we take part in its thread. */
  | { kind: 'addressed' | 'follow_up' | 'overheard'; said: Placed };

/** Subtypes that are messages of people all the same. */
const OF_PEOPLE: readonly (string | undefined)[] = [undefined, 'file_share', 'me_message'];
/** Slack's own: its bot, and whoever it announces things by, in direct messages too (vercel/chat, adapter-slack 4.35.0). */
const OF_SLACK = new Set(['USLACKBOT', 'USLACK']);
/** Subtypes whose `ts` is the message's own, not that of a change to another. */
const HAVE_THEIR_TS: readonly (string | undefined)[] = [...OF_PEOPLE, 'thread_broadcast', 'bot_message'];

/** RULES I2: a message is the same by whichever event it comes; what happened to one afterwards is an event of its own, undefined here. */
export function ownKeyOf(said: Said): string | undefined {
  const { hidden, edited, channel, ts } = said;
  const isMessage = HAVE_THEIR_TS.includes(subtypeOf(said)) && !hidden && !edited;
  return isMessage && channel !== undefined && ts !== undefined ? `${channel}:${ts}` : undefined;
}

/** What kind of message it is. Slack leaves `subtype` out at times (of `message_replied` its reference says so): what else is in it tells. */
function subtypeOf({ subtype, root, message, previous_message, deleted_ts }: Said): string | undefined {
  if (subtype !== undefined) return subtype;
  if (message ?? previous_message ?? deleted_ts) return 'message_changed';
  return root && 'thread_broadcast';
}

/** Whether a message is for us, by itself. Nothing here asks anybody. */
export function judge(said: Said, bot: Bot): Judged {
  const { channel, ts, user } = said;
  const subtype = subtypeOf(said);
  const ignore = (reason: string): Judged => ({ kind: 'ignored', reason });
  if (said.bot_id ?? said.bot_profile) return ignore('bot');
  if (!OF_PEOPLE.includes(subtype)) return ignore(subtype ?? '');
  if (said.hidden) return ignore('hidden');
  // An edit that adds a mention is announced once more.
  if (said.edited) return ignore('edited');
  if (channel === undefined || ts === undefined) return ignore('no_place');
  if (user === undefined) return ignore('no_user');
  if (user === bot.userId || OF_SLACK.has(user)) return ignore('bot');
  const placed = { ...said, channel, ts, user };
  if (said.type === 'app_mention' || isIm(placed) || isMentioned(placed, bot))
    return { kind: 'addressed', said: placed };
  if (said.thread_ts === undefined || said.thread_ts === ts || callsAnother(said.text, bot.userId))
    return { kind: 'overheard', said: placed };
  return { kind: 'follow_up', said: placed };
}

/** Only when the bot is called, or it is written to it alone: the others did not ask, and are not told. */
export const isCalled = (said: Placed, bot: Bot): boolean =>
  said.type === 'app_mention' || isIm(said) || isMentioned(said, bot);

const isMentioned = ({ text }: Said, { userId }: Bot): boolean =>
  userId !== undefined && mentionsIn(text).includes(userId);

/** `app_home` is how older apps' messages tab calls it. */
export const isIm = ({ channel_type, channel }: Pick<Placed, 'channel' | 'channel_type'>): boolean =>
  channel_type === 'im' || (channel.startsWith('D') && (channel_type === undefined || channel_type === 'app_home'));
/** Between a few people and nobody else. */
export const isDirect = (said: Pick<Placed, 'channel' | 'channel_type'>): boolean =>
  said.channel_type === 'mpim' || isIm(said);

/** The place that a message is said in: every message outside a thread begins one. */
export const placeOf = ({ channel, thread_ts, ts }: Placed, tenant: string): ThreadRef => ({
  platform: 'slack',
  tenant,
  channel,
  thread: thread_ts ?? ts,
});

const zFile = z.object({
  id: z.string().min(1),
  name: zSaid,
  title: zSaid,
  mimetype: zSaid,
  size: z.number().catch(0),
  url_private_download: zSaid,
  url_private: zSaid,
  mode: zSaid,
});

/** Files that are still there. Where one without an address is, nobody can say: reading it says so. */
export const filesOf = ({ files }: Said): InboundFile[] =>
  files.flatMap((each): InboundFile[] => {
    const { success, data: file } = zFile.safeParse(each);
    if (!success || file.mode === 'tombstone') return [];
    const { id, name, title, mimetype, size } = file;
    const url = file.url_private_download || file.url_private;
    return [{ id, name: name || title || id, mimeType: mimetype, size, url }];
  });

const zQuote = z.object({
  is_share: zFlag,
  is_msg_unfurl: zFlag,
  channel_id: zId,
  ts: zTs,
  author_name: zSaid,
  author_id: zSaid,
  text: zSaid,
});

/** Messages of others that were forwarded with it, or linked in it: outside text (RULES T1). */
export const quotesOf = ({ attachments }: Said): InboundQuote[] =>
  attachments.flatMap((each): InboundQuote[] => {
    const { success, data: quote } = zQuote.safeParse(each);
    if (!success || !(quote.is_share || quote.is_msg_unfurl) || quote.text.trim() === '') return [];
    const id = `${quote.channel_id ?? ''}:${quote.ts ?? ''}`;
    return [{ id, from: quote.author_name || quote.author_id || 'someone', text: quote.text }];
  });
