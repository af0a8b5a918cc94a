import type { Json, JsonObject } from '#core/tools.ts';
import type { ModelTool } from '#activities/models/model.ts';
import { aliasesOf, findAliases, isGeneric } from './aliases.ts';
import { readCommand } from './commands.ts';
import type { Command } from './commands.ts';
import { readExplicit } from './explicit.ts';
import { fill } from './fill.ts';
import { describeTools, hasTool } from './help.ts';
import { rank } from './match.ts';
import { createPage } from './page.ts';
import { takePairs } from './pairs.ts';
import { isAllowed, readAs } from './read.ts';
import { readSentence } from './sentence.ts';
import { isObject } from './slots.ts';
import type { Slot } from './slots.ts';
import { decide } from './step.ts';
import type { Step } from './step.ts';
import { knowTool } from './tool.ts';
import type { KnownTool } from './tool.ts';

type Asked = Extract<Step, { kind: 'ask' }>;

/** A dialogue over what a person said, oldest first; every value and the choice of the tool come from their words alone (RULES T3). */
export function createDialogue(tools: readonly ModelTool[], clock: () => Date) {
  const known = tools.map(knowTool);

  /** Where a message leads by itself. */
  function start(text: string): Step {
    const command = readCommand(text);
    if (command) return obey(command);
    const explicit = readExplicit(text, known);
    if (explicit?.known) return startWith(explicit.known, explicit.text);
    if (explicit) return unknownTool(explicit.name);
    return choose(text) ?? say('I did not understand that.', text);
  }

  /** A tool beyond doubt, or a reply that says where the doubt is; null when nothing is near. */
  function choose(text: string): Step | null {
    const { sure, near, sentence, isHedged } = rank(text, known, clock);
    const isOutsideValues = (place: number): boolean =>
      !sure || [...sure.filled.taken].every((span) => place < span.start || place >= span.end);
    if (sentence.second !== null && isOutsideValues(sentence.second) && near.length > 0) {
      const parts = [
        text.slice(0, sentence.second),
        text.slice(sentence.second).replace(/^(?:and|then|also|please|[;\s])+/i, ''),
      ];
      return {
        kind: 'say',
        text: 'I can do one thing at a time. Which one first?',
        suggestions: parts.map(oneLine).filter((part) => part !== '' && part.length <= 200),
      };
    }
    if (sure) return startWith(sure.known, text);
    if (near.length === 0) return null;
    const suggestions = near.map(({ known }) => suggest(known, sentence.isTalk ? '' : text));
    return {
      kind: 'say',
      text: isHedged
        ? 'There is a condition, a time or a second thought in that, which I cannot follow. To run it now as it stands, choose it yourself:'
        : 'I am not sure what is meant, so I ran nothing. Did you mean one of these?',
      suggestions,
    };
  }

  function startWith(chosen: KnownTool, text: string): Step {
    const json = readObject(text);
    if (json) return startWithJson(chosen, json);
    const verb = readSentence(text).verb ?? undefined;
    const about = { nouns: chosen.nouns, isWrite: chosen.isWrite, verb };
    return decide(chosen, fill(text, chosen.slots, about, clock).values);
  }

  function startWithJson(chosen: KnownTool, json: JsonObject): Step {
    const given = chosen.slots.flatMap((slot): [Slot, Json][] => {
      let value: Json | undefined = json;
      for (const name of slot.path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
      return value === undefined ? [] : [[slot, value]];
    });
    const refused = given.find(([slot, value]) => !isAllowed(slot, value))?.[0];
    const values = new Map(
      given.filter(([slot, value]) => isAllowed(slot, value)).map(([slot, value]) => [slot.label, value]),
    );
    return decide(chosen, values, refused ? `The value given is not allowed for ${refused.label}.` : null);
  }

  /** Where a message leads that follows a question of ours. */
  function answer(asked: Asked, text: string): Step {
    const { slot } = asked;
    if (slot.kind === 'choice' && readAs(slot, text, clock).isRead) return accept(asked, text);
    const command = readCommand(text);
    if (command === 'cancel' || command === 'stop')
      return { kind: 'say', text: `Dropped \`${asked.known.tool.name}\`. Nothing was run.`, suggestions: [] };
    if (command && command !== 'greeting') return obey(command);
    const isFreeText = slot.kind === 'text';
    if (command === 'greeting' && !isFreeText) return { ...asked, problem: null };
    if (readExplicit(text, known)?.known || isClearCommand(text)) return start(text);
    return accept(asked, text);
  }

  function isClearCommand(text: string): boolean {
    const { sure, sentence } = rank(text, known, clock);
    return sure !== null && sentence.verb !== null;
  }

  /** Takes the message as the value; what else it names (`name: value`, a currency) fills other slots. */
  function accept(asked: Asked, text: string): Step {
    const { known: chosen, slot, values } = asked;
    const aliases = aliasesOf(chosen.slots, chosen.nouns);
    const pairs = takePairs(createPage(text), aliases, clock);
    // "amount: 5, currency: EUR"; a pair further inside a text belongs to the text.
    if (pairs[0] && text.slice(0, pairs[0].start).trim() === '') {
      const named = new Map([...values, ...pairs.map((pair): [string, Json] => [pair.slot.label, pair.value])]);
      return decide(chosen, named);
    }
    const read = readAs(slot, withoutLead(slot, text), clock);
    if (!read.isRead) return decide(chosen, values, read.problem);
    const isNumber = slot.kind === 'number' || slot.kind === 'integer';
    const others = chosen.slots.filter((it) => it !== slot && !values.has(it.label));
    const extra = isNumber ? fill(text, others, { nouns: chosen.nouns, isWrite: true }, clock).values : [];
    return decide(chosen, new Map([...values, ...extra, [slot.label, read.value]]));

    /** "the number is INV-77", "it's INV-77" → INV-77. A free text is taken as it stands. */
    function withoutLead(slot: Slot, text: string): string {
      const [name] = findAliases(
        text,
        aliases.filter((alias) => alias.slot === slot),
      );
      const before = name ? text.slice(0, name.start).trim() : '';
      const after = name ? /^\s{0,3}(?:is|are|[:=])\s{0,3}(?=\S)/i.exec(text.slice(name.end)) : null;
      if (name && after && /^(?:the)?$/i.test(before)) return text.slice(name.end + after[0].length);
      if (slot.kind === 'text' && !slot.words.some(isGeneric)) return text;
      return text.replace(/^(?:it's|it is|its|that's|that is|use|make it)\s+(?=\S)/i, '');
    }
  }

  function obey(command: Command): Step {
    if (command === 'help') return { kind: 'say', text: describeTools(tools), suggestions: starters().slice(1) };
    if (command === 'greeting')
      return {
        kind: 'say',
        text: 'Hello. Tell me what to do in a short command, or ask what I can do.',
        suggestions: starters(),
      };
    if (command === 'stop') return { kind: 'say', text: 'Nothing else is running in this thread.', suggestions: [] };
    if (command === 'cancel')
      return { kind: 'say', text: 'There is no question of mine to drop.', suggestions: starters() };
    const tool = `abetworks_${command}`;
    if (hasTool(tools, tool)) return { kind: 'call', tool, input: {} };
    return (
      choose(command) ?? { kind: 'say', text: `There is no \`${command}\` command here.`, suggestions: starters() }
    );
  }

  function say(text: string, said: string): Step {
    const negated = /\b(?:don't|dont|do not|never)\b/i.test(said.slice(0, 200)) ? ' Nothing was run.' : '';
    return {
      kind: 'say',
      text: `${text}${negated} No AI model is connected: I match what you write to a command or a tool. Say “help” for what can be done.`,
      suggestions: starters(),
    };
  }

  function unknownTool(name: string): Step {
    const near = rank(name.replaceAll(/[_.-]/g, ' '), known, clock).near;
    return {
      kind: 'say',
      text: `There is no tool \`${name}\` here.`,
      suggestions: near.length > 0 ? near.map(({ known }) => suggest(known, '')) : starters(),
    };
  }

  const starters = (): string[] => [
    'help',
    ...['status', 'approvals'].filter((command) => hasTool(tools, `abetworks_${command}`)),
  ];

  return { start, answer };
}

/** A sentence that, sent back, chooses this tool and nothing else. A long request is not repeated: what is missing is asked for. */
function suggest(known: KnownTool, text: string): string {
  const line = oneLine(text);
  return line !== '' && line.length <= 200 ? `use ${known.tool.name}: ${line}` : `use ${known.tool.name}`;
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

function readObject(text: string): JsonObject | null {
  if (!/^\s*\{/.test(text)) return null;
  try {
    const json: Json = JSON.parse(text);
    return isObject(json) ? json : null;
  } catch {
    return null;
  }
}
