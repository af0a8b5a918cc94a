import { approvalsMessage, helpText, privateLine, statusMessage } from '#activities/chat/render/slack/index.ts';
import type { SlackText } from '#activities/chat/render/slack/index.ts';
import { cut } from '#core/text.ts';
import { actorText, type Actor } from '#core/roles.ts';
import { unlinkIdentity } from '#db/identities.ts';
import { makeLink } from '#db/slack-links.ts';
import { activeRunsOf, readInbox, whyNot } from '#db/views/index.ts';
import { isDirect } from './actions/suggest.ts';
import type { Answer, Heard, SlackBotDeps } from './deps.ts';
import { namesIn } from './names.ts';
import { zCommand } from './payloads.ts';
import { plainText } from '#activities/chat/render/slack/plain-text.ts';
import { type Found, lineFor, type WhoIs } from './who.ts';

/** What was typed after `/abet`, by whom and where. */
interface Typed extends Heard {
  /** As Slack writes it. */
  marked: string;
  text: string;
  userId: string;
  channel: string;
  isDirect: boolean;
}
type Run = (deps: SlackBotDeps, typed: Typed, by: Known) => Promise<SlackText>;
type Known = Extract<Found, { actor: Actor }>;

/** `/abet …`. Answered in place, to its person only. */
export async function answerCommand(
  deps: SlackBotDeps,
  whoIs: WhoIs,
  form: Record<string, string>,
  heard: Heard,
): Promise<Answer> {
  const parsed = zCommand.safeParse(form);
  if (!parsed.success) return ephemeral(helpText(deps.config.publicUrl));
  const { text, user_id: userId, channel_id: channel, team_id: teamId, enterprise_id: enterprise } = parsed.data;
  const place = { channel, isDirect: isDirect(channel, parsed.data.channel_name) };
  const typed = { ...heard, ...place, marked: text, text: plainText(text).trim(), userId };
  const word = typed.text.toLowerCase();
  // Nothing that could be a request: blanks, a question mark, an emoji.
  if (word === 'help' || !/[\p{L}\p{N}]/u.test(word)) return ephemeral(helpText(deps.config.publicUrl));
  const found = await whoIs(heard, { userId, teamId, enterpriseId: enterprise || null });
  if (word === 'connect') return ephemeral(await connect(deps, typed, found));
  if ('refused' in found) return ephemeral(privateLine(lineFor(found)));
  const run = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  return ephemeral(await (run ?? request)(deps, typed, found));
}

const ephemeral = (said: SlackText): Answer => ({ status: 200, body: { response_type: 'ephemeral', ...said } });

const status: Run = async ({ db, config }, { orgId }, { actor }) =>
  statusMessage(await db.withOrg(orgId, (org) => activeRunsOf(org, actor.memberId)), config.publicUrl);

/** With links only: an ephemeral message is no card, so nothing can be decided on it (RULES A2). */
const approvals: Run = async ({ db, config }, { orgId }, { actor }) => {
  const { pending } = await db.withOrg(orgId, (org) => readInbox(org, actor));
  const mine = pending.filter((approval) => whyNot(actor, approval) === null);
  return approvalsMessage(mine, config.publicUrl);
};

const TITLE = 80;

const stop: Run = async ({ db, client }, { orgId, tenant, channel, storedAt }, { actor }) => {
  const found = await db.withOrg(orgId, (org) => activeRunsOf(org, actor.memberId, { tenant, channel }));
  // A command that comes late stops nothing that was asked for since.
  const active = found.filter(({ startedAt }) => storedAt === undefined || startedAt <= storedAt);
  if (active.length === 0)
    return privateLine('Nothing of yours is under way here. /abet status shows what is under way elsewhere.');
  const stopping: string[] = [];
  for (const { id, text } of active) {
    const stopped = await client.stop(actor, id);
    if (stopped.kind === 'stopping') stopping.push(cut(text.replaceAll(/\s+/g, ' '), TITLE));
  }
  return privateLine(stopping.length === 0 ? 'It has ended already.' : `Stopping: ${stopping.join(' · ')}`);
};

/** A one-time link for this person's eyes; whoever is linked already is told to whom. */
async function connect({ db, config }: SlackBotDeps, typed: Typed, found: Found): Promise<SlackText> {
  if ('actor' in found)
    return privateLine(
      `This account is linked to ${found.name} already. Not you any more? /abet disconnect unlinks it.`,
    );
  // Strangers, guests and people whose access was switched off get no link.
  if (found.reason !== 'unlinked') return privateLine(found.refused);
  const { orgId, tenant, userId } = typed;
  const { token } = await db.withOrg(orgId, (org) => makeLink(org, { tenant, externalId: userId }));
  return privateLine(
    'Open this link and sign in, to tie this Slack account to you. It works once, for 15 minutes: keep it to yourself.',
    {
      label: 'Link my account',
      url: `${config.publicUrl}/link/${token}`,
    },
  );
}

const disconnect: Run = async ({ db }, { orgId, tenant, userId }, { actor }) => {
  const account = { platform: 'slack', tenant, externalId: userId, memberId: actor.memberId } as const;
  await db.withOrg(orgId, (org) => unlinkIdentity(org, { ...account, how: 'command', actor: actorText(actor) }));
  return privateLine('Unlinked: this Slack account acts for nobody now. /abet connect links it again.');
};

/** Anything else is a request. Its thread begins with a message of ours, which is not there yet. */
const request: Run = async (deps, typed, { sender }) => {
  const { sourceKey, tenant, channel, marked } = typed;
  const text = plainText(marked, { names: await namesIn(deps, typed, marked) }).trim();
  const received = await deps.client.receive({
    sourceKey,
    where: { platform: 'slack', tenant, channel, thread: `new:${sourceKey}` },
    sender,
    text,
    isDirect: typed.isDirect,
  });
  return privateLine(received.kind === 'run' ? 'On it…' : received.text);
};

const WORDS: Record<string, Run> = { status, approvals, stop, disconnect };
