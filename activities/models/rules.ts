import type { GenerateInput, Generated, Model } from './model.ts';
import { createDialogue } from './rules/dialogue.ts';
import { cleanText } from './rules/page.ts';
import { presentResults } from './rules/results.ts';
import { answersFor, isQuestion, question } from './rules/step.ts';
import type { Step } from './rules/step.ts';

const MODE = '*Rule-based mode.*';
/** Other people's words choose nothing and fill nothing here (RULES T3). */
const UNREAD = 'What came with your message I do not read in this mode: write what matters.';
const NO_USAGE = { inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 };

/**
 * The model that needs no key: a function of the messages and the tools (and of today's date, for "tomorrow"). It
 * answers by templates and quotes only. A write is called when its verb and its object were said and every required
 * value stands in the person's own words; everything less is asked about.
 */
export function createRules({ clock = () => new Date() }: { clock?: () => Date } = {}): Model {
  return {
    provider: 'rules',
    name: 'abetworks-command',
    seesImages: false,
    generate: async (input) => {
      input.signal.throwIfAborted();
      return answer(input, clock);
    },
  };
}

function answer({ messages, tools }: GenerateInput, clock: () => Date): Generated {
  if (messages.at(-1)?.role === 'tool') return reply(presentResults(messages));
  const [first = '', ...later] = openDialogue(messages);
  const dialogue = createDialogue(tools, clock);
  let step: Step = dialogue.start(first);
  for (const text of later) step = step.kind === 'ask' ? dialogue.answer(step, text) : dialogue.start(text);
  if (step.kind === 'call')
    return {
      kind: 'tools',
      text: `${MODE} Matched \`${step.tool}\`.`,
      calls: [{ id: 'rules-1', name: step.tool, input: step.input }],
      usage: NO_USAGE,
    };
  if (step.kind === 'ask') return reply(question(step), answersFor(step.slot));
  const last = messages.findLast((message) => message.role === 'user');
  return reply(last?.attached === undefined ? step.text : `${step.text} ${UNREAD}`, step.suggestions);
}

/**
 * What the person said since the dialogue began that the last message belongs to: that message, and those before it
 * as long as a question of ours stands between. Only their words count; our questions merely join them.
 */
function openDialogue(messages: GenerateInput['messages']): string[] {
  const last = messages.findLastIndex((message) => message.role === 'user');
  const said: string[] = [];
  for (let index = last; index >= 0; index -= 2) {
    const message = messages[index];
    if (message?.role !== 'user' || (index < last && isByAnother(message.text))) break;
    said.unshift(cleanText(message.text));
    const before = messages[index - 1];
    if (before?.role !== 'assistant' || (before.calls?.length ?? 0) > 0 || !isQuestion(before.text)) break;
  }
  return said;
}

// How the context marks what someone else said in the thread: their words choose nothing and fill nothing (RULES T3).
const isByAnother = (text: string): boolean => /^\[.{1,200}? wrote:\] /.test(text);

const reply = (text: string, suggestions: readonly string[] = []): Generated => ({
  kind: 'reply',
  text: `${MODE} ${text}`,
  ...(suggestions.length > 0 && { suggestions }),
  usage: NO_USAGE,
});
