import type { Span } from './page.ts';
import { groupsOf, wordsOf } from './words.ts';

/** What kind of sentence a request is. */
export interface Sentence {
  /** The verb it asks with, in the imperative ("post …", "please post …"). */
  verb: (Span & { text: string }) | null;
  /** What is asked for: the verb's groups, or reading for a question. */
  groups: readonly string[];
  /** How, why, did, should: talk about doing is not a request to do. */
  isTalk: boolean;
  /** "don't …" */
  isNegated: boolean;
  /** Two wishes in one sentence, where they part. */
  second: number | null;
}

const POLITE =
  /^(?:\s|[,.!:;–—-]|<@[\w!&]+>|@abetworks\b|(?:please|pls|plz|kindly|hey|hi|hello|ok|okay|so|now|also|just|then|and|thanks|let's|lets|go ahead and|can you|could you|would you|will you|can we|could we|i want you to|i want to|i need you to|i need to|i would like to|i would like you to|i'd like to|i'd like you to|we need to|help me|abetworks)(?![\p{L}\p{N}_-]))+/iu;
const TALK =
  /^(?:how (?:do|to|can|would|should|does|did)|why|should|did|has|have|had|was|were|don['’]?t|do not|never|if|when|unless|what if|what happens|not)\b/i;
const QUESTION = /^(?:what|what's|whats|which|who|whose|where|how (?:many|much)|is|are|does|do|any)\b/i;
const HEDGE =
  /(?<![\p{L}\p{N}])(?:if|unless|when|whenever|until|once|every|each|don't|dont|do not|not yet|never|instead|except|wait|tomorrow|later|daily at|weekly at|maybe|perhaps|actually|never ?mind|scratch that|cancel that|forget it|kidding|nope|no wait)(?![\p{L}\p{N}])/iu;

/** Whether something makes the wish depend on something, puts it off or takes it back. Give it the text without the values it holds. */
export const isHedged = (text: string): boolean => HEDGE.test(text);

/** The frame of a sentence: which verb it asks with, if it asks at all. */
export function readSentence(text: string): Sentence {
  const start = POLITE.exec(text)?.[0].length ?? 0;
  const body = text.slice(start);
  const [first] = wordsOf(body.slice(0, 200));
  const isTalk = TALK.test(body);
  const isQuestion = !isTalk && QUESTION.test(body);
  const isVerb = !isTalk && first !== undefined && first.start <= 1 && groupsOf(first.text.toLowerCase()).length > 0;
  const verb =
    isVerb && first ? { text: first.text.toLowerCase(), start: start + first.start, end: start + first.end } : null;
  const groups = verb ? groupsOf(verb.text) : isQuestion ? ['read', 'compute'] : [];
  return {
    verb,
    groups,
    isTalk,
    isNegated: /^(?:don['’]?t|do not|never|not)\b/i.test(body),
    second: verb && secondWish(text, verb.end),
  };
}

/** "post … and delete …": where the second one begins. */
function secondWish(text: string, from: number): number | null {
  for (const match of text
    .slice(from)
    .matchAll(/(?<![\p{L}\p{N}])(?:and then|and also|and|then|;)\s{1,3}(?:please\s)?(\p{L}+)/giu))
    if (IMPERATIVE.has((match[1] ?? '').toLowerCase())) return from + match.index;
  return null;
}

// Only words that are hardly ever nouns: "and mail" or "and file" may go on with a list.
const IMPERATIVE = new Set(
  'create add make post submit insert send publish get show find fetch give update change edit set modify rename move delete remove cancel calculate compute run execute start close approve reject pay refund assign tell notify'.split(
    ' ',
  ),
);
