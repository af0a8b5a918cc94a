import { plainText } from '#activities/chat/render/slack/plain-text.ts';
import type { Inbound, Sender } from '#core/chat.ts';
import { zOrgSettings } from '#core/policy.ts';
import { NOT_ADDRESSED } from '#db/inbox.ts';
import type { Answer } from '#bots/slack/deps.ts';
import { AGAIN, HEARD, rowOf, type Ear, type Ears, type HeardEvent } from '#bots/slack/ears.ts';
import { lookingAtOf } from '#bots/slack/looking.ts';
import { namesIn } from '#bots/slack/names.ts';
import { strangerOf } from '#bots/slack/people.ts';
import { refuseUnknown, tellPrivately, tellRefused } from '#bots/slack/refuse.ts';
import { filesOf, isCalled, judge, placeOf, quotesOf, zMessage, type Bot, type Placed } from '#bots/slack/said.ts';
import { isUnknown, type Unknown } from '#bots/slack/unknown.ts';

/** What is asked when something was sent without a word. */
const FILES_TEXT = 'Look at the attached file.';
const QUOTES_TEXT = 'Look at the message I forwarded.';
const BOT_NAME = 'Abetworks';

/** `message` and `app_mention` of one text have one key, and are one run, whichever comes first (RULES I2). */
export const messageEar: Ear = {
  types: ['message', 'app_mention'],
  hear: async (ears, heard) => {
    const said = zMessage.parse(heard.event);
    const judged = judge(said, heard.bot);
    const ignore = async (reason: string): Promise<Answer> => {
      await ears.deps.client.note(rowOf(heard, 'ignored', reason, said.user));
      return HEARD;
    };
    if (judged.kind === 'ignored') return ignore(judged.reason);
    const { client } = ears.deps;
    const isForUs =
      judged.kind === 'addressed' ||
      (judged.kind === 'follow_up' && (await client.isInThread(placeOf(judged.said, heard.at.tenant), heard.at.orgId)));
    return isForUs ? ask(ears, heard, judged.said) : ignore(NOT_ADDRESSED);
  },
};

async function ask({ deps, people, channels, later }: Ears, heard: HeardEvent, said: Placed): Promise<Answer> {
  const { at, bot } = heard;
  // Both may ask Slack.
  const [sender, isDirect] = await Promise.all([senderOf({ deps, people }, heard, said), channels.isDirect(at, said)]);
  if ('isLasting' in sender) return sender.isLasting ? refuseUnknown({ deps, later }, heard, said, sender) : AGAIN;
  const lookingAt = lookingAtOf(said.app_context);
  const inbound: Inbound = {
    sourceKey: heard.sourceKey,
    where: placeOf(said, at.tenant),
    sender,
    // Where nothing tells, too few read it rather than too many (RULES D3); a channel that is closed does not open by it.
    isDirect: isDirect ?? isListed(heard, said),
    readsThread: said.thread_ts !== undefined && said.thread_ts !== said.ts,
    ...(await contentOf(deps, heard, said)),
    ...(lookingAt !== undefined && { lookingAt }),
    ...(heard.signature !== undefined && { signature: heard.signature }),
  };
  const received = await deps.client.receive(inbound, { isAddressed: said.type === 'app_mention', orgId: at.orgId });
  if (received.isReplay || received.kind === 'run') return HEARD;
  const listener = { ...at, said, isCalled: isCalled(said, bot) };
  later.add(() =>
    received.kind === 'refused' ? tellRefused(deps, listener, received) : tellPrivately(deps, listener, received.text),
  );
  return HEARD;
}

/** Whether people may ask there, whatever it is: an empty list opens every channel. */
function isListed({ workspace }: HeardEvent, { channel }: Placed): boolean {
  const { channels } = zOrgSettings.parse(workspace.settings).slack;
  return channels.length === 0 || channels.includes(channel);
}

/** What Slack says of whoever wrote it. When it cannot say now, somebody we know might be somebody else by now. */
async function senderOf(
  { deps, people }: Pick<Ears, 'deps' | 'people'>,
  { at, workspace }: HeardEvent,
  said: Placed,
): Promise<Sender | Unknown> {
  const { matchEmail } = zOrgSettings.parse(workspace.settings).slack;
  const account = { platform: 'slack', tenant: at.tenant, externalId: said.user } as const;
  const known = isFromElsewhere(said, at) ? strangerOf(said.user) : await people.who(at, said.user);
  if (isUnknown(known)) {
    if (known.isLasting || matchEmail) return known;
    const found = await deps.client.findActor(account);
    const isLinked = 'actor' in found || found.reason !== 'unlinked';
    return isLinked ? known : { id: said.user, name: said.user, isBot: false, isGuest: false };
  }
  if (matchEmail) await people.matchEmail(at, said.user, known);
  const { name, isBot, isGuest, isStranger, isDeactivated } = known;
  return { id: said.user, name, isBot, isGuest, isStranger, isDeactivated };
}

/** Slack Connect: the message itself names another team. Within an Enterprise the teams are told apart by what Slack says of the person. */
function isFromElsewhere({ user_team, source_team, team }: Placed, { homes, isEnterprise }: HeardEvent['at']): boolean {
  return (
    !isEnterprise && [user_team, source_team, team].some((theirs) => theirs !== undefined && !homes.includes(theirs))
  );
}

/** What it asks, in plain words, with what was sent beside it. */
async function contentOf(
  deps: Pick<Ears['deps'], 'db'>,
  { at, bot }: { at: HeardEvent['at']; bot: Bot },
  said: Placed,
): Promise<Pick<Inbound, 'text' | 'files' | 'quotes'>> {
  const names = await namesIn(deps, at, said.text);
  if (bot.userId !== undefined) names.set(bot.userId, BOT_NAME);
  const text = plainText(said.text, { botUserId: bot.userId, names }).trim();
  const files = filesOf(said);
  const quotes = quotesOf(said).map((quote) => ({ ...quote, text: plainText(quote.text, { names }) }));
  const otherwise = files.length > 0 ? FILES_TEXT : quotes.length > 0 ? QUOTES_TEXT : '';
  return { text: text || otherwise, files, quotes };
}
