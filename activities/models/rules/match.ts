import MiniSearch from 'minisearch';
import type { Json } from '#core/tools.ts';
import { fill } from './fill.ts';
import type { Filled } from './fill.ts';
import { findEmails, findExpression, findIds, findMoney, findNumbers, findQuoted, findUrls } from './find.ts';
import { blank } from './page.ts';
import type { Span } from './page.ts';
import { isHedged, readSentence } from './sentence.ts';
import type { Sentence } from './sentence.ts';
import type { KnownTool } from './tool.ts';
import { STOP_WORDS, groupsOf, splitName, stem, wordsOf } from './words.ts';

/** How well a tool answers a request. */
interface Match {
  known: KnownTool;
  filled: Filled;
  /** 0 to 1. */
  score: number;
  /** The share of the request's words that speak about this tool. */
  coverage: number;
  /** What the request asks for is what the tool does. */
  isAsked: boolean;
  /** The request names what the tool works on, not just a verb and the connection. */
  isNamed: boolean;
}

interface Ranking {
  sentence: Sentence;
  /** The one tool that was meant beyond doubt. */
  sure: Match | null;
  /** Up to three that may have been meant, best first. */
  near: readonly Match[];
  /** `sure` would have been found, had the sentence no condition, time or second thought in it. */
  isHedged: boolean;
}

// Chosen so that the cases of rules.test.ts hold: sure hits score 0.7 and more, a shared verb alone under 0.5.
const SURE_SCORE = 0.62;
const SURE_COVERAGE = 0.6;
const SURE_MARGIN = 0.07;
/** A request is about its first lines; what follows is content. */
const READ_LENGTH = 2_000;
const FIELD_WEIGHTS = { nouns: 1, verbs: 0.9, properties: 0.8, description: 0.7, connection: 0.6 };
type Field = keyof typeof FIELD_WEIGHTS;

/** Ranks the tools for a request by MiniSearch over their words, weighed by how much of the request and of the tool's name is explained. */
export function rank(text: string, tools: readonly KnownTool[], clock: () => Date): Ranking {
  const head = text.slice(0, READ_LENGTH);
  const sentence = readSentence(head);
  const tokens = valueTokens(head);
  const words = wordsOf(tokens.reduce(blank, sentence.verb ? blank(head, sentence.verb) : head))
    .filter((word) => !STOP_WORDS.has(word.text.toLowerCase()) && !/^\d/.test(word.text))
    .slice(0, 40);
  const search = searchIn(tools);
  const hits = words.map((word) => ({ word, fields: search(word.text) }));

  const matches = tools
    .map((known) => judge(known))
    .sort((a, b) => b.score - a.score || a.known.tool.name.localeCompare(b.known.tool.name));
  const asked = matches.filter((match) => match.isAsked);
  const [best, second] = asked;
  const isSure =
    best !== undefined &&
    best.isNamed &&
    best.score >= SURE_SCORE &&
    best.coverage >= SURE_COVERAGE &&
    best.score - (second?.score ?? 0) >= SURE_MARGIN;
  // Words of a value ("due tomorrow") put nothing off.
  const isPutOff = isSure && best.known.isWrite && isHedged([...best.filled.taken, ...tokens].reduce(blank, head));
  return { sentence, sure: isSure && !isPutOff ? best : null, near: isPutOff ? [best] : nearest(), isHedged: isPutOff };

  /** What the verb rules out is not offered, and nothing that deletes unless deleting was said. */
  function nearest(): Match[] {
    if (sentence.isNegated) return [];
    const groups = sentence.isTalk
      ? wordsOf(head).flatMap((word) => groupsOf(word.text.toLowerCase()))
      : sentence.groups;
    const isShared = ({ known }: Match): boolean => known.groups.some((group) => groups.includes(group));
    const named = matches
      .filter((match) => match.score >= 0.2 && (match.isNamed || isWellFilled(match)))
      .filter((match) => match.known.tool.effect !== 'destructive' || isShared(match));
    const shared = named.filter(isShared);
    const offered = shared.length > 0 ? shared : named;
    return offered.filter((match) => match.score >= (offered[0]?.score ?? 0) * 0.6).slice(0, 3);
  }

  function judge(known: KnownTool): Match {
    const { tool, slots } = known;
    const verb = sentence.verb ?? undefined;
    const filled = fill(head, slots, { nouns: known.nouns, isWrite: known.isWrite, verb }, clock);
    const own = hits.filter(({ word }) =>
      filled.taken.every((span) => word.end <= span.start || word.start >= span.end),
    );
    const found = own.map(({ fields }) => fields.get(tool.name));
    const isVerbShared = sentence.groups.some((group) => known.groups.includes(group));
    const isLiteral = verb !== undefined && known.verbs.includes(verb.text);
    const isCalculation = !known.isWrite && [...filled.values.values()].some(isExpression);

    const verbWeight = verb ? 1 : 0;
    const verbScore = verb && isVerbShared ? (isLiteral ? 1 : 0.9) : 0;
    const wordScore = found.reduce((sum, hit) => sum + (hit?.weight ?? 0), 0) + (isCalculation ? 1 : 0);
    const wordWeight = own.reduce((sum, { word, fields }) => sum + weightOf(word, fields), 0) + (isCalculation ? 1 : 0);
    const coverage =
      verbWeight + wordWeight === 0 ? 0 : Math.min(1, (verbScore + wordScore) / (verbWeight + wordWeight));

    const said = new Set(found.flatMap((hit) => [...(hit?.nouns ?? [])]));
    const parts = known.verbs.length + known.nouns.length;
    const saidParts = (isVerbShared ? known.verbs.length : 0) + known.nouns.filter((noun) => said.has(noun)).length;
    const required = slots.filter((slot) => slot.isRequired);
    const given = required.filter((slot) => filled.values.has(slot.label)).length;
    const used = tokens.filter((token) =>
      filled.taken.some((span) => span.start < token.end && token.start < span.end),
    );
    const score =
      0.55 * coverage +
      0.2 * (parts === 0 ? 1 : saidParts / parts) +
      0.15 * (required.length === 0 ? 1 : given / required.length) +
      0.1 * (tokens.length === 0 ? 1 : used.length / tokens.length);

    const proof: Field[] = known.isWrite ? ['nouns', 'description'] : ['nouns', 'description', 'properties'];
    if (known.nouns.length === 0) proof.push('connection');
    return {
      known,
      filled,
      score,
      coverage,
      isAsked:
        !sentence.isTalk &&
        (isVerbShared ? !known.isWrite || verb !== undefined : sentence.groups.length === 0 && !known.isWrite),
      isNamed: isCalculation || found.some((hit) => proof.some((field) => hit?.fields.has(field))),
    };
  }

  // A name in the middle of a sentence that no tool knows is more likely a value than a wish.
  function weightOf(word: Span & { text: string }, fields: ReadonlyMap<string, Hit>): number {
    return fields.size === 0 && word.start > 0 && /^\p{Lu}/u.test(word.text) ? 0.3 : 1;
  }
}

const isExpression = (value: Json): boolean => typeof value === 'string' && findExpression(value)?.value === value;

const isWellFilled = ({ known, filled, isAsked }: Match): boolean => {
  const required = known.slots.filter((slot) => slot.isRequired);
  // A tool without an object of its own ("calculator_evaluate") is near when its kind of verb is used.
  if (isAsked && known.nouns.length === 0 && known.groups.includes('compute')) return true;
  return isAsked && required.length > 0 && required.every((slot) => filled.values.has(slot.label));
};

const valueTokens = (text: string): Span[] => [
  ...findQuoted(text),
  ...findEmails(text),
  ...findUrls(text),
  ...findIds(text),
  ...findMoney(text),
  ...findNumbers(text),
];

interface Hit {
  weight: number;
  fields: ReadonlySet<string>;
  nouns: ReadonlySet<string>;
}

/** Which tools a word speaks about, and how: exact words count in full, near ones less. */
function searchIn(tools: readonly KnownTool[]): (word: string) => ReadonlyMap<string, Hit> {
  const index = new MiniSearch({
    fields: Object.keys(FIELD_WEIGHTS),
    tokenize: splitName,
    processTerm: (term) => (STOP_WORDS.has(term) ? null : stem(term)),
  });
  index.addAll(
    [...new Map(tools.map((known) => [known.tool.name, known])).values()].map((known) => ({
      id: known.tool.name,
      nouns: known.nouns.join(' '),
      verbs: known.verbs.join(' '),
      properties: known.slots.flatMap((slot) => slot.words).join(' '),
      description: known.tool.description.slice(0, 500),
      connection: known.connection.join(' '),
    })),
  );
  return (word) => {
    const term = stem(word);
    const results = index.search(term, {
      tokenize: (text) => [text],
      prefix: term.length > 3,
      fuzzy: term.length > 5 ? 0.2 : false,
    });
    return new Map(
      results.map(({ id, match }) => {
        const hits = Object.entries(match).flatMap(([found, fields]) =>
          fields.map((field) => ({
            found,
            field,
            weight: (FIELD_WEIGHTS[field as Field] ?? 0) * (found === term ? 1 : 0.8),
          })),
        );
        return [
          String(id),
          {
            weight: Math.max(...hits.map((hit) => hit.weight)),
            fields: new Set(hits.map((hit) => hit.field)),
            nouns: new Set(hits.filter((hit) => hit.field === 'nouns').map((hit) => hit.found)),
          },
        ];
      }),
    );
  };
}
