import { cut } from '#core/text.ts';
import type { Run } from '#db/runs.ts';
import type { ModelToolCall } from '#activities/models/model.ts';
import type { Context } from './context.ts';

/** Characters of a result that the thread shows; the whole is kept with the call. */
const SHOWN = 4_000;

/** A turn without a model: the call that was given, then its result. */
export type Given =
  | { kind: 'tools'; text: string; calls: readonly ModelToolCall[] }
  | { kind: 'reply'; text: string; suggestions?: undefined };

/** What a run of the gateway does: its one call, proposed like any other, and an answer made of what came back. Null: a model is asked. */
export function givenTurn({ given }: Run, turn: number, { toolCalls }: Pick<Context, 'toolCalls'>): Given | null {
  if (!given) return null;
  if (turn === 1) return { kind: 'tools', text: '', calls: [{ id: 'given', name: given.tool, input: given.input }] };
  const call = toolCalls.at(-1);
  const result = call?.result ?? 'nothing';
  const said =
    call?.status === 'done' ? `\n\n\`\`\`json\n${cut(pretty(result), SHOWN)}\n\`\`\`` : ` ${cut(result, SHOWN)}`;
  return { kind: 'reply', text: `${given.tool}: ${call?.status ?? 'not run'}.${said}` };
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).replaceAll('`', 'ˋ');
  } catch {
    return text.replaceAll('`', 'ˋ');
  }
}
