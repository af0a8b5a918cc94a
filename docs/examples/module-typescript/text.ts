// Text: an extractive summary, the sentiment by a word list, and what stands in it. No model, no network.

const MAX_LENGTH = 90_000;

export const TEXT_INPUT = {
  type: 'object',
  required: ['operation', 'text'],
  additionalProperties: false,
  properties: {
    operation: { type: 'string', enum: ['summarize', 'sentiment', 'extract'] },
    text: { type: 'string', maxLength: MAX_LENGTH },
    sentences: { type: 'integer', minimum: 1, maximum: 20, description: 'Of the summary; 3 if left out.' },
  },
};

const setOf = (...lines: string[]): Set<string> => new Set(lines.join(' ').split(' '));
const STOP = setOf(
  'a an and are as at be been but by can could did do does for from had has have he her his i if in into is it its',
  'me my no not of on or our she so than that the their them then there these they this to was we were what when',
  'which who will with would you your',
);
const GOOD = setOf(
  'amazing awesome beautiful best better brilliant clean clear easy enjoy enjoyed excellent fantastic fast fine friendly',
  'glad good great happy helpful impressed improved kind like liked love loved nice perfect pleased pleasant polite',
  'quick recommend reliable satisfied smooth solved superb thank thanks useful welcome well wonderful works',
);
const BAD = setOf(
  'angry annoyed annoying awful bad broken bug bugs complaint confusing crash crashed damaged delay delayed difficult',
  'disappointed disappointing dirty error errors expensive fail failed fails fault frustrated frustrating hate horrible',
  'late lost mistake missing pain poor problem problems refund rude sad slow terrible ugly unhappy unreliable upset',
  'useless waste worse worst wrong',
);
const NOT = setOf("not no never hardly without isn't wasn't don't doesn't didn't can't won't");

const WORD = /[^ \t\r\n.,;:!?()[\]{}"<>/\\|=+*#-]+/g;
const SENTENCE = /[^.!?\r\n]+[.!?]*/g;
const EMAIL = /[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}/g;
const URLS = /https?:\/\/[^ \t\r\n<>"')]{1,2000}/g;
const DATE = /\b(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4})\b/g;
const AMOUNT = /[€$£] ?[0-9][0-9.,]{0,20}|[0-9][0-9.,]{0,20} ?(?:EUR|USD|GBP|CHF|€|\$|£)/g;

/** Throws with a sentence for the caller. */
export function text(given: Record<string, unknown>): object {
  const { text, operation, sentences = 3 } = given;
  if (typeof text !== 'string' || lengthOf(text) > MAX_LENGTH)
    throw new TypeError(`text must be a text of at most ${MAX_LENGTH} characters`);
  if (operation === 'summarize') return summarize(text, sentences);
  if (operation === 'sentiment') return sentiment(text);
  if (operation === 'extract') return extract(text);
  throw new TypeError('operation must be summarize, sentiment or extract');
}

/** In characters, not UTF-16 units. */
const lengthOf = (text: string): number => (text.length <= MAX_LENGTH ? text.length : Array.from(text).length);
const found = (pattern: RegExp, text: string): string[] => Array.from(text.matchAll(pattern), ([match]) => match);
const words = (text: string): string[] => found(WORD, text.toLowerCase());

/** The sentences whose words are the most frequent ones, in their own order. */
function summarize(text: string, wanted: unknown): object {
  if (typeof wanted !== 'number' || !Number.isInteger(wanted) || wanted < 1 || wanted > 20)
    throw new TypeError('sentences must be a whole number from 1 to 20');
  const sentences = found(SENTENCE, text)
    .filter((sentence) => words(sentence).length > 0)
    .map((sentence) => sentence.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
  const counts = new Map<string, number>();
  for (const word of words(text)) if (!STOP.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  const score = (sentence: string): number => {
    const telling = words(sentence).filter((word) => !STOP.has(word));
    const sum = telling.reduce((total, word) => total + (counts.get(word) ?? 0), 0);
    return telling.length === 0 ? 0 : sum / telling.length;
  };
  const ranked = sentences
    .map((sentence, at) => ({ at, score: score(sentence) }))
    .toSorted((a, b) => b.score - a.score || a.at - b.at)
    .slice(0, wanted);
  const chosen = ranked.toSorted((a, b) => a.at - b.at).map(({ at }) => sentences[at] ?? '');
  return { operation: 'summarize', summary: chosen.join(' '), sentences: chosen.length, of: sentences.length };
}

/** From -1 to 1. A word after a negation counts for the other side. */
function sentiment(text: string): object {
  let [positive, negative] = [0, 0];
  const all = words(text);
  for (const [at, word] of all.entries()) {
    if (!GOOD.has(word) && !BAD.has(word)) continue;
    const isNegated = all.slice(Math.max(0, at - 2), at).some((before) => NOT.has(before));
    if (GOOD.has(word) !== isNegated) positive += 1;
    else negative += 1;
  }
  const total = positive + negative;
  const score = total === 0 ? 0 : Math.floor(((positive - negative) / total) * 1000 + 0.5) / 1000;
  const label = score > 0.2 ? 'positive' : score < -0.2 ? 'negative' : 'neutral';
  return { operation: 'sentiment', label, score, positive, negative };
}

function extract(text: string): object {
  const unique = (all: string[]): string[] => [...new Set(all)];
  return {
    operation: 'extract',
    emails: unique(found(EMAIL, text)),
    urls: unique(found(URLS, text).map((url) => url.replace(/[.,;:!?]+$/, ''))),
    dates: unique(found(DATE, text)),
    amounts: unique(found(AMOUNT, text).map((amount) => amount.replace(/[.,]+$/, ''))),
  };
}
