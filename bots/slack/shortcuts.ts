import { plainText } from '#activities/chat/render/slack/plain-text.ts';
import { askModal } from '#activities/chat/render/slack/index.ts';
import { newId } from '#core/ids.ts';
import { storable } from '#core/text.ts';
import { putAnswer } from '#db/answers.ts';
import { namesOfSlackPeople } from '#db/slack-people.ts';
import { isDirect } from './actions/suggest.ts';
import type { Click } from './click.ts';
import type { SlackBotDeps } from './deps.ts';
import type { AskMeta } from './modals/ask.ts';
import type { MessageAction } from './payloads.ts';
import { openModal } from './private.ts';
import { mentionsIn } from './text.ts';

/** The manifest's names of the shortcuts. */
export const ASK = 'abet_ask';
export const ASK_ABOUT = 'abet_ask_message';

/** "Ask Abetworks", from anywhere: what is asked goes on in the person's direct messages. */
export const openAsk = (deps: SlackBotDeps, click: Click): Promise<void> =>
  openModal(deps, click, askModal({ kind: 'ask', meta: {} }));

/** "Ask Abetworks" on a message. The modal carries ids only, so what the message says waits here for its submit, for an hour. */
export async function openAskAbout(
  deps: SlackBotDeps,
  click: Click,
  { channel, message }: MessageAction,
): Promise<void> {
  const { orgId, tenant } = click;
  const said = message.text ?? '';
  const author = message.user ?? message.bot_id ?? '';
  const quoteId = newId();
  const text = await deps.db.withOrg(orgId, async (org) => {
    const names = await namesOfSlackPeople(org, { tenant, externalIds: [author, ...mentionsIn(said)] });
    const text = storable(plainText(said, { names }));
    const from = storable(names.get(author) ?? (message.username || author));
    const quote: Quote = { id: message.ts, from, text, isDirect: isDirect(channel.id, channel.name) };
    await putAnswer(org, { id: quoteId, isOk: true, text: JSON.stringify(quote) });
    return text;
  });
  const meta: AskMeta = { quoteId, channel: channel.id, thread: message.thread_ts ?? message.ts };
  await openModal(deps, click, askModal({ kind: 'ask_about', quote: text, meta: { ...meta } }));
}

interface Quote {
  id: string;
  from: string;
  text: string;
  /** Where the message is, few people talk and nobody else. */
  isDirect: boolean;
}
