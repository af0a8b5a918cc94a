import { z } from 'zod';
import { readRequest } from '#activities/chat/render/slack/index.ts';
import type { Inbound } from '#core/chat.ts';
import { isId } from '#core/ids.ts';
import { readQuestion } from '#db/answers.ts';
import type { Answer, SlackBotDeps } from '#bots/slack/deps.ts';
import { readMeta } from './meta.ts';
import { closed, fieldErrors, notice, type OnSubmit, stale, type Submit } from './submit.ts';

const zAskMeta = z.object({
  quoteId: z.string().refine(isId),
  channel: z.string().min(1),
  /** The root of the message's thread. */
  thread: z.string().min(1),
});
export type AskMeta = z.infer<typeof zAskMeta>;
const zQuote = z.object({ id: z.string(), from: z.string(), text: z.string(), isDirect: z.boolean() });

/** A request of its own: it goes on in the person's direct messages. */
export const submitAsk: OnSubmit = async (deps, submit) =>
  ask(deps, submit, {
    where: { platform: 'slack', tenant: submit.tenant, channel: submit.userId, thread: `new:${submit.sourceKey}` },
    isDirect: true,
  });

/** A request about a message: it goes on in that message's thread, and the message is outside text (RULES T1). */
export const submitAskAbout: OnSubmit = async (deps, submit) => {
  const meta = readMeta(zAskMeta, submit.privateMetadata);
  if (!meta) return stale();
  const { channel, thread, quoteId } = meta;
  const stored = await deps.db.withOrg(submit.orgId, (org) => readQuestion(org, quoteId));
  if (stored === undefined) return stale();
  const { isDirect, ...quote } = zQuote.parse(JSON.parse(stored));
  return ask(deps, submit, {
    where: { platform: 'slack', tenant: submit.tenant, channel, thread },
    isDirect,
    quotes: [quote],
    readsThread: false,
  });
};

async function ask(
  { client }: SlackBotDeps,
  { values, sender, sourceKey }: Submit,
  about: Pick<Inbound, 'where' | 'isDirect' | 'quotes' | 'readsThread'>,
): Promise<Answer> {
  const text = readRequest(values);
  const [field = 'request'] = Object.keys(values);
  if (text === '') return fieldErrors({ [field]: 'Say what you want.' });
  const received = await client.receive({ ...about, sourceKey, sender, text });
  if (received.kind !== 'refused') return closed;
  return received.reason === 'text' ? fieldErrors({ [field]: received.text }) : notice('Not asked', received.text);
}
