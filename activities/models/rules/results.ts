import { cut } from '#core/text.ts';
import type { GenerateInput, ModelMessage } from '#activities/models/model.ts';

type ToolMessage = Extract<ModelMessage, { role: 'tool' }>;

/** Characters of one result that are shown; the whole is kept elsewhere. */
const SHOWN_LENGTH = 1_500;

/** The results at the end of the history, each quoted under its tool's name. Says nothing about what they mean. */
export function presentResults(messages: GenerateInput['messages']): string {
  const start = messages.findLastIndex((message) => message.role !== 'tool') + 1;
  return messages
    .slice(start)
    .filter((message) => message.role === 'tool')
    .map(presentResult)
    .join('\n\n');
}

function presentResult(message: ToolMessage): string {
  const text = message.text.trim();
  const name = message.name.replaceAll('`', '');
  if (message.isError)
    return `\`${name}\` did not run: ${cut(text.replaceAll(/\s+/g, ' '), 500) || 'no reason was given'}`;
  const json = readJson(text);
  // Our own tools answer in words for people.
  if (name.startsWith('abetworks_'))
    return cut(typeof json === 'string' ? json : json === undefined ? text : print(json), SHOWN_LENGTH);
  if (text === '') return `Result of \`${name}\`: (empty)`;
  if (json === null || typeof json === 'number' || typeof json === 'boolean') return `Result of \`${name}\`: ${text}`;
  const plain = typeof json === 'string' ? json : text;
  if (json === undefined || typeof json === 'string')
    return isShortLine(plain) ? `Result of \`${name}\`: ${plain}` : `Result of \`${name}\`:\n${fence(plain)}`;
  return `Result of \`${name}\`:\n${fence(print(json))}`;
}

// Marks of markdown and mentions go into a fence, where they are letters.
const isShortLine = (text: string): boolean => text.length <= 100 && /^[\p{L}\p{N} .,;:'"()%€$£+/-]*$/u.test(text);

// A fence inside the text would end ours.
const fence = (text: string): string => `\`\`\`\n${cut(text, SHOWN_LENGTH).replaceAll('```', "'''")}\n\`\`\``;

const print = (json: unknown): string => JSON.stringify(json, null, 2);

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
