import type { RunProgress } from '#core/chat.ts';
import type { LiveShown } from '#db/schema/slack.ts';
import type { LiveNow } from '#db/slack-live.ts';
import { isSettled, liveMessage, newChunks, statusLine, stepsOf, viewOf, type LiveView } from './live-text.ts';

/** In ms. Tests shorten them. */
export const LIVE_TIMES = {
  /** Between two changes of one message: chat.update takes about 50 a minute (docs.slack.dev, tier 3). */
  pauseMs: 1_200,
  /** Work that takes longer shows a message although it has no steps. */
  quietMs: 8_000,
  /** Slack lets a session's `processing` and a status line fade after 2 minutes. */
  keepAliveMs: 90_000,
  /** Slack ends a stream 5 minutes after its start, whatever comes; ours end before 4. */
  burstMs: 210_000,
  /** One that shows holds the message so long at most: longer than its calls take, three in a row of 10 s each. */
  leaseMs: 35_000,
  /** So long it is waited for its turn; then the sweeper shows it. */
  waitMs: 3_000,
  /** A method that this workspace does not let us use is not tried again before. */
  forgetMs: 600_000,
} as const;
export type LiveTimes = { [name in keyof typeof LIVE_TIMES]: number };

export type SessionStatus = 'processing' | 'suspended' | 'active';
/** The methods that a workspace may not let us use. */
export const SESSION = 'agents.sessions.setStatus';
export const STATUS = 'assistant.threads.setStatus';
export const STREAM = 'chat.startStream';

export type LiveStep =
  | { kind: 'start'; chunks: ReturnType<typeof newChunks> }
  | { kind: 'append'; ts: string; chunks: ReturnType<typeof newChunks> }
  | { kind: 'stop'; ts: string; chunks: ReturnType<typeof newChunks> }
  | { kind: 'post'; isAgain: boolean }
  | { kind: 'edit'; ts: string };
export interface LivePlan {
  session: SessionStatus | null;
  /** The line beside the app's name; null: as it is. */
  status: string | null;
  message: LiveStep | null;
  /** What is shown once all of it was done. */
  shown: LiveShown;
  /** All that is known, for a message that is edited. */
  full: LiveView;
}

/** What has to be told to Slack, given what it shows and how the run stands. Null: nothing. */
export function planLive(
  now: LiveNow,
  progress: RunProgress,
  { can, times }: { can: (method: string) => boolean; times: LiveTimes },
): LivePlan | null {
  const { row } = now;
  if (row.closedAt) return null;
  const before = row.shown;
  const status = progress.state === 'working' ? statusLine(progress.text) : '';
  const isFading = progress.state === 'working' && (now.sessionAgeMs === null || now.sessionAgeMs >= times.keepAliveMs);
  const session = sessionOf(now, progress.state);
  const isNewSession = row.session === null ? progress.state !== 'ended' : session !== row.session;
  const message = messageOf(now, progress, { can, times });
  const isPosted = message?.kind === 'start' || message?.kind === 'post';
  const isStatusNew = !isPosted && (status !== (before?.status ?? '') || (isFading && status !== ''));
  const plan: LivePlan = {
    session: can(SESSION) && (isNewSession || isFading) ? session : null,
    status: isStatusNew && can(STATUS) ? status : null,
    message,
    // Slack takes the line away when the app posts.
    shown: shownAfter(now, progress, { status: isPosted ? '' : status, message }),
    full: fullView(progress),
  };
  const isNothing = plan.session === null && plan.status === null && plan.message === null;
  return isNothing && progress.state !== 'ended' && progress.state === before?.state ? null : plan;
}

/** When it has to be looked at although nothing changes, in ms; null: no need to. */
export function dueIn(
  now: Pick<LiveNow, 'sessionAgeMs' | 'streamAgeMs'>,
  state: RunProgress['state'],
  { can, times }: { can: (method: string) => boolean; times: LiveTimes },
): number | null {
  if (state !== 'working') return null;
  const dues: number[] = [];
  if (can(SESSION) || can(STATUS)) dues.push(times.keepAliveMs - (now.sessionAgeMs ?? 0));
  if (now.streamAgeMs !== null) dues.push(times.burstMs - now.streamAgeMs);
  return dues.length > 0 ? Math.max(0, Math.min(...dues)) : null;
}

/** A session belongs to the whole thread: what another run of it does counts too. */
function sessionOf({ others }: LiveNow, state: RunProgress['state']): SessionStatus {
  if (state === 'working' || others.includes('working')) return 'processing';
  return state === 'waiting' || others.includes('waiting') ? 'suspended' : 'active';
}

const VIEW_STATES = { working: 'open', waiting: 'paused', ended: 'ended' } as const;
const fullView = ({ steps, text, state }: Pick<LiveShown, 'steps' | 'text' | 'state'>): LiveView =>
  viewOf({ steps, text, settled: [] }, VIEW_STATES[state]);

function messageOf(
  now: LiveNow,
  progress: RunProgress,
  { can, times }: { can: (method: string) => boolean; times: LiveTimes },
): LiveStep | null {
  const { mode, ts, shown } = now.row;
  const view = viewOf({ ...progress, settled: shown?.settled ?? [] }, VIEW_STATES[progress.state]);
  if (mode === 'stream' && ts !== null && shown) return inStream(now, { ts, shown, view, times });
  if (mode === 'edits' && ts !== null) return isSame(progress, shown) ? null : { kind: 'edit', ts };
  if (mode === 'edits' && shown?.isPosting) return { kind: 'post', isAgain: true };
  // A message left behind with something unsettled says in the end how that went; a new one would only repeat the answer.
  if (progress.state === 'ended') return ts !== null && shown && isLoose(shown) ? { kind: 'edit', ts } : null;
  if (progress.state === 'waiting' || !isNews(now, progress, times)) return null;
  const streams = mode === 'none' && can(STREAM) && mayStream(progress);
  return streams ? { kind: 'start', chunks: newChunks(view, null) } : { kind: 'post', isAgain: false };
}

function inStream(
  now: LiveNow,
  { ts, shown, view, times }: { ts: string; shown: LiveShown; view: LiveView; times: LiveTimes },
): LiveStep | null {
  const before = viewOf(shown, 'open');
  if (view.state !== 'open') return { kind: 'stop', ts, chunks: newChunks(view, before) };
  if ((now.streamAgeMs ?? 0) >= times.burstMs)
    return { kind: 'stop', ts, chunks: newChunks({ ...view, state: 'paused' }, before) };
  const chunks = newChunks(view, before);
  return chunks.length > 0 ? { kind: 'append', ts, chunks } : null;
}

/** A message begins with the first step, with the first that goes on after an earlier message, or when it takes long. */
function isNews({ row: { shown }, runAgeMs }: LiveNow, progress: RunProgress, times: LiveTimes): boolean {
  const before = new Map((shown?.messages ? shown.steps : []).map(({ id, state }) => [id, state]));
  if (stepsOf(progress.steps, shown?.settled ?? []).some(({ id, state }) => before.get(id) !== state)) return true;
  return !shown?.messages && runAgeMs >= times.quietMs;
}

/** Outside of a direct message a stream needs the person it is for. */
const mayStream = ({ askedBy, where }: RunProgress): boolean => askedBy !== null || where.channel.startsWith('D');

const isLoose = ({ steps, settled, messages }: LiveShown): boolean =>
  messages > 0 && (steps.length === 0 || stepsOf(steps, settled).some((step) => !isSettled(step)));

function isSame(progress: RunProgress, shown: LiveShown | null): boolean {
  if (!shown) return false;
  const render = (of: Pick<LiveShown, 'steps' | 'text' | 'state'>): string =>
    JSON.stringify(liveMessage(fullView(of), progress.runId));
  return render(shown) === render(progress);
}

function shownAfter(
  { row: { shown: before } }: LiveNow,
  { state, text, steps }: RunProgress,
  { status, message }: { status: string; message: LiveStep | null },
): LiveShown {
  const settled = before?.settled ?? [];
  const messages = before?.messages ?? 0;
  const begins = message?.kind === 'start' || (message?.kind === 'post' && !before?.isPosting);
  const ended = message?.kind === 'stop' ? stepsOf(steps, settled).filter(isSettled) : [];
  return {
    state,
    // What no message was told, none shows.
    text: message ? text : (before?.text ?? ''),
    steps: message ? steps : (before?.steps ?? []),
    status,
    settled: [...settled, ...ended.map(({ id }) => id)],
    messages: messages + (begins ? 1 : 0),
  };
}
