import type { AnyChunk, KnownBlock } from '@slack/types';
import type { RunStep } from '#core/chat.ts';
import { cut } from '#core/text.ts';
import type { LiveShown } from '#db/schema/slack.ts';
import { ellipsis } from '#activities/chat/render/slack/elements.ts';

/** What is longer is cut before it is looked through: that takes the square of its length. */
const LOOKED_AT = 1_000;
/** Ours: a step is one line. `cut` adds a few words to what it cuts, and that stays below 150. */
const LINE = 110;
/** A loading message has 50 at most, and a longer status was refused too: docs.slack.dev, assistant.threads.setStatus; getsentry/junior#56. */
const STATUS_LINE = 50;
/** As many as one run may have tool calls (RULES R4). */
const TASKS = 25;
/** So many lines stay below the 3000 characters of a section's text (docs.slack.dev, section block). */
const LINES_PER_SECTION = 15;
/** The task that stands for the work itself while there are no steps. */
const WORK = 'work';

const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}]/gu;

/** One line in which nothing mentions or links, wherever Slack shows it: steps may hold outside text (RULES T4). */
export function plainLine(text: string): string {
  const bare = text
    .slice(0, LOOKED_AT)
    .toWellFormed()
    .replaceAll(/\s/g, ' ')
    .replaceAll(INVISIBLE, '')
    .replaceAll(/<[!@#][^<>]*>/g, '')
    .replaceAll(/!?\[([^\][]*)\]\(([^()]*)\)/g, '$1 ($2)')
    // Without its scheme an address is only text.
    .replaceAll(/[a-z][a-z0-9+.-]*:\/\//gi, '')
    // One may have come together just now.
    .replaceAll('://', ': ')
    .replaceAll('<', '‹')
    .replaceAll('>', '›')
    // Else "&lt;!channel&gt;" would be read as a mention where entities are decoded.
    .replaceAll(/&(?=#|\w+;)/g, '＆')
    .replaceAll(/@(?=channel|here|everyone)/gi, '＠')
    .replaceAll(/ +/g, ' ');
  return cut(bare.trim(), LINE) || '…';
}

/** The same, as short as the line beside the app's name may be. */
export const statusLine = (text: string): string => ellipsis(plainLine(text), STATUS_LINE);

/** What one message shows, of all that is known. */
export interface LiveView {
  title: string;
  steps: RunStep[];
  /** `paused`: it goes on later, in another message or in this one. */
  state: 'open' | 'paused' | 'ended';
}

/** Steps that have begun, without those that an earlier message showed to their end. */
export const stepsOf = (steps: readonly RunStep[], settled: readonly string[]): RunStep[] =>
  steps.filter(({ id, state }) => state !== 'pending' && !settled.includes(id)).slice(0, TASKS);

export const isSettled = ({ state }: RunStep): boolean => state === 'done' || state === 'failed';

/** The message as a stream's tasks. Nothing turns on in a message that nobody adds to: what runs then is pending. */
function chunksOf({ title, steps, state }: LiveView): AnyChunk[] {
  const running = state === 'open' ? 'in_progress' : 'pending';
  const status = { pending: 'pending', running, done: 'complete', failed: 'error' } as const;
  const work = { open: 'in_progress', paused: 'pending', ended: 'complete' } as const;
  const tasks = steps.map((step) => ({ id: step.id, title: plainLine(step.title), status: status[step.state] }));
  return [
    { type: 'plan_update', title: plainLine(title) },
    // Once there are steps it has done its part.
    { type: 'task_update', id: WORK, title: 'Thinking', status: steps.length > 0 ? 'complete' : work[state] },
    ...tasks.map((task) => ({ type: 'task_update' as const, ...task })),
  ];
}

/** The chunks that bring a stream from what it shows (null: nothing yet) to what it has to show. The work's own task is there only if it began so. */
export function newChunks(view: LiveView, before: LiveView | null): AnyChunk[] {
  const had = new Set(before === null ? [] : chunksOf(before).map((chunk) => JSON.stringify(chunk)));
  const hasWork = before === null && view.steps.length === 0;
  const hadWork = before !== null;
  return chunksOf(view).filter(
    (chunk) => !had.has(JSON.stringify(chunk)) && (!('id' in chunk) || chunk.id !== WORK || hasWork || hadWork),
  );
}

const SIGNS = { pending: '○', running: '●', done: '✓', failed: '✗' } as const;

/** The same as a message that is edited: plain text, and a Stop button as long as it goes on. */
export function liveMessage({ title, steps, state }: LiveView, runId: string): { text: string; blocks: KnownBlock[] } {
  const head = plainLine(title);
  const lines = steps.map((step) => `${SIGNS[step.state]} ${plainLine(step.title)}`);
  const blocks: KnownBlock[] = [plainSection(head)];
  for (let at = 0; at < lines.length; at += LINES_PER_SECTION)
    blocks.push(plainSection(lines.slice(at, at + LINES_PER_SECTION).join('\n')));
  const stop = `stop:${runId}`;
  if (state !== 'ended')
    blocks.push({
      type: 'actions',
      elements: [{ type: 'button', action_id: stop, value: stop, text: { type: 'plain_text', text: 'Stop' } }],
    });
  return { text: head.replaceAll('&', '&amp;'), blocks };
}

const plainSection = (text: string): KnownBlock => ({
  type: 'section',
  text: { type: 'plain_text', text, emoji: false },
});

/** What a message of this run shows now. */
export const viewOf = (shown: Pick<LiveShown, 'text' | 'steps' | 'settled'>, state: LiveView['state']): LiveView => ({
  title: shown.text,
  steps: stepsOf(shown.steps, shown.settled),
  state,
});
