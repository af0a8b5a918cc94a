import type { Block, Outgoing } from '#core/chat.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import { formatTime } from './time.ts';

/** An entry of the effect ledger, as far as people see it. */
export interface EffectFacts {
  id: string;
  summary: string;
  externalId: string | null;
  error?: string | null;
  /** Set once a person has answered the question. */
  resolution?: 'sent' | 'not_sent' | null;
  resolvedByName?: string | null;
  resolvedAt?: Date | null;
  /** Its run was stopped or has ended: whatever the answer, it is not sent again. */
  isOver?: boolean;
}

const line = (text: string, max = 300): string => cut(escapeInvisible(text), max).toWellFormed();

/** "Done: Create invoice INV-77 · id 42", from the ledger and never from prose (RULES E8). */
export const receiptLine = (effect: Pick<EffectFacts, 'summary' | 'externalId'>): string =>
  `Done: ${line(effect.summary)}${effect.externalId === null ? '' : ` · id ${line(effect.externalId, 200)}`}`;

/** Asks people what became of an unclear send (RULES E6); after the answer, shows the answer. */
export function effectQuestion(effect: EffectFacts): Outgoing {
  const title = `Was it sent? ${line(effect.summary, 140)}`;
  const why = effect.error ? ` ${line(effect.error)}` : '';
  const next = effect.isOver
    ? 'Please look there, then answer. The request was stopped or has ended, so nothing is sent again; the answer is kept on record.'
    : 'Please look there, then answer. It is not sent again until someone says it was not sent.';
  const question: Block[] = [
    { kind: 'note', tone: 'warning', text: `The other side did not say whether this went through.${why}\n${next}` },
    {
      kind: 'buttons',
      items: [
        { id: `sent:${effect.id}`, label: 'It was sent', style: 'primary' },
        {
          id: `not_sent:${effect.id}`,
          label: effect.isOver ? 'It was not sent; nothing more happens' : 'It was not sent: send again',
          ...(effect.isOver ? {} : { style: 'danger' as const }),
        },
      ],
    },
  ];
  return {
    key: `effect:${effect.id}`,
    title,
    blocks: effect.resolution ? [answer(effect, effect.resolution)] : question,
    fallback: title,
    subject: { kind: 'effect', id: effect.id },
  };
}

function answer(effect: EffectFacts, resolution: 'sent' | 'not_sent'): Block {
  const who = effect.resolvedByName ? line(effect.resolvedByName, 80) : 'Someone';
  const when = effect.resolvedAt ? ` on ${formatTime(effect.resolvedAt)}` : '';
  const id = effect.externalId === null ? '' : ` · id ${line(effect.externalId, 200)}`;
  const notSent = effect.isOver ? 'it was not sent; nothing more happens' : 'it was not sent, so it is sent again';
  const said = resolution === 'sent' ? 'it was sent' : notSent;
  return { kind: 'note', tone: 'good', text: `${who} said ${said}${when}${id}` };
}

/** The assistant's answer: its words, then what the ledger confirms, then what could come next (`suggest:<n>`; the label is the text to send). */
export function replyMessage(reply: {
  key: string;
  text: string;
  suggestions: string[];
  receipts: string[];
  runId?: string;
  /** The question, when the place where it is answered does not show it. */
  asked?: { byName: string; text: string } | null;
  /** Worth asking whether it was any good. */
  isRated?: boolean;
}): Outgoing {
  const { asked } = reply;
  const question = asked && `${line(asked.byName, 80)} asked: ${line(asked.text.replaceAll(/\s+/g, ' '))}`;
  const blocks: Block[] = [
    ...(question ? [{ kind: 'note' as const, tone: 'plain' as const, text: question }] : []),
    ...(reply.text === '' ? [] : [{ kind: 'markdown' as const, text: reply.text }]),
    ...reply.receipts.map((text) => ({ kind: 'note' as const, tone: 'good' as const, text })),
  ];
  if (reply.suggestions.length > 0)
    blocks.push({
      kind: 'buttons',
      items: reply.suggestions.map((label, index) => ({ id: `suggest:${index}`, label })),
    });
  return {
    key: reply.key,
    blocks,
    fallback: [reply.text, ...reply.receipts].filter((part) => part !== '').join('\n'),
    ...(reply.runId === undefined ? {} : { subject: { kind: 'run', id: reply.runId } }),
    ...(reply.isRated ? { isRated: true } : {}),
  };
}
