import type { Logger } from 'pino';
import type { PlatformApi, RunProgress } from '#core/chat.ts';
import { errorText, PlatformFailure } from '#core/errors.ts';
import type { LiveNow, LiveRow } from '#db/slack-live.ts';
import { SESSION, STATUS, STREAM, type LivePlan, type LiveStep } from './live-plan.ts';
import { liveMessage, plainLine } from './live-text.ts';
import { findPosted, metadataOf } from './lookup.ts';

/** What became of one part: done (also when Slack refuses it for good), or to be tried again. */
export type Part = { isDone: true } | { isDone: false; retryAfterMs: number | null };
export interface Told {
  message: Part & {
    mode: LiveRow['mode'];
    ts: string | null;
    streamStarted?: boolean;
    /** It goes on by another means at once. */
    goesOn?: boolean;
  };
  session: Part & { wasTold: boolean };
  status: Part;
}

type Answer = { kind: 'ok'; ts: string | null } | { kind: 'refused'; code: string } | Later;
type Later = { kind: 'later'; retryAfterMs: number | null };
interface Ask {
  (method: string, args: Record<string, unknown>): Promise<Answer>;
  /** The ts of a message that was posted under this key; 'ok' with null: there is none. */
  find(key: string, since: Date): Promise<Answer>;
}

/**
 * Words by which Slack says that this workspace, or this app in it, may not use a method at all. Not among them: what it says of one channel only, such as
 * channel_type_not_supported, or no_permission where the app is no member.
 */
const NOT_HERE =
  /^(unknown_method|missing_scope|not_allowed.*|not_agent_app|access_denied|feature_(not_enabled|disabled)|method_deprecated|deprecated_endpoint|(?!channel_type_).*not_(enabled|available|supported))$/;

/** Which methods a workspace does not let us use, remembered for a while. */
export function createRefusals(forgetMs: number) {
  const until = new Map<string, number>();
  return {
    note: (place: string, method: string): void => void until.set(`${place} ${method}`, Date.now() + forgetMs),
    can: (place: string, method: string): boolean => (until.get(`${place} ${method}`) ?? 0) <= Date.now(),
  };
}
export type Refusals = ReturnType<typeof createRefusals>;

interface Telling {
  orgId: string;
  now: LiveNow;
  plan: LivePlan;
  progress: RunProgress;
}

/** Tells Slack what the plan says. Throws nothing for Slack's sake. */
export async function tellSlack(
  { slack, refusals, log }: { slack: PlatformApi; refusals: Refusals; log: Logger },
  telling: Telling,
): Promise<Told> {
  const { orgId, progress, plan } = telling;
  const { runId, where } = progress;
  const call = async (method: string, args: Record<string, unknown>): Promise<string | null> => {
    const { ts } = await slack.call({ orgId, tenant: where.tenant }, method, args);
    return typeof ts === 'string' ? ts : null;
  };
  const answer = async (method: string, calling: Promise<string | null>): Promise<Answer> => {
    try {
      return { kind: 'ok', ts: await calling };
    } catch (error) {
      const words = { orgId, runId, method, error: errorText(error) };
      if (error instanceof PlatformFailure && error.kind === 'refused') {
        log.debug(words, 'live: Slack refuses');
        if (NOT_HERE.test(error.code)) refusals.note(`${orgId} ${where.tenant}`, method);
        return { kind: 'refused', code: error.code };
      }
      log.debug(words, 'live: not told');
      return { kind: 'later', retryAfterMs: error instanceof PlatformFailure ? (error.retryAfterMs ?? null) : null };
    }
  };
  const ask: Ask = Object.assign(
    (method: string, args: Record<string, unknown>) => answer(method, call(method, args)),
    {
      find: (key: string, since: Date) => {
        const at = { tenant: where.tenant, channel: where.channel, threadTs: where.thread, since };
        return answer('look up', findPosted(slack, orgId, at, key, 0));
      },
    },
  );
  // A stream that stops takes the session's status along.
  if (plan.message?.kind === 'stop') {
    const [message, status] = await Promise.all([tellMessage(ask, telling), tellStatus(ask, telling)]);
    const isTold = plan.session !== null && message.isDone && message.mode === 'none';
    return { message, status, session: isTold ? { isDone: true, wasTold: true } : await tellSession(ask, telling) };
  }
  const [message, session, status] = await Promise.all([
    tellMessage(ask, telling),
    tellSession(ask, telling),
    tellStatus(ask, telling),
  ]);
  return { message, session, status };
}

const partOf = (answer: Answer): Part =>
  answer.kind === 'later' ? { isDone: false, retryAfterMs: answer.retryAfterMs } : { isDone: true };

async function tellSession(ask: Ask, { plan, progress, now }: Telling): Promise<Told['session']> {
  if (plan.session === null) return { isDone: true, wasTold: false };
  const { where, askedBy } = progress;
  const answer = await ask(SESSION, {
    channel_id: where.channel,
    thread_ts: where.thread,
    status: plan.session,
    // Of at most 200 characters (docs.slack.dev, agents.sessions.setStatus); a person's words, shown to everybody in the channel.
    title: plainLine(now.title),
    ...(askedBy !== null && { initiator_user_id: askedBy }),
  });
  return { ...partOf(answer), wasTold: answer.kind !== 'later' };
}

async function tellStatus(ask: Ask, { plan, progress: { where } }: Telling): Promise<Part> {
  if (plan.status === null) return { isDone: true };
  const { status } = plan;
  return partOf(
    await ask(STATUS, {
      channel_id: where.channel,
      thread_ts: where.thread,
      status,
      ...(status && { loading_messages: [status] }),
    }),
  );
}

async function tellMessage(ask: Ask, { now, plan, progress }: Telling): Promise<Told['message']> {
  const { channel } = progress.where;
  const { mode, ts } = now.row;
  const step = plan.message;
  if (step === null) return { isDone: true, mode, ts };
  if (step.kind === 'start') return start(ask, step, { now, progress });
  if (step.kind === 'post') return post(ask, step, { now, plan, progress });
  if (step.kind === 'edit') return edit(step.ts);
  const method = step.kind === 'stop' ? 'chat.stopStream' : 'chat.appendStream';
  const answer = await ask(method, {
    channel,
    ts: step.ts,
    ...(step.chunks.length > 0 && { chunks: step.chunks }),
    ...(step.kind === 'stop' && plan.session !== null && { session_status: plan.session }),
  });
  if (answer.kind === 'later') return { ...later(answer), mode, ts };
  // Slack, a person or another process has ended the stream: its message goes on as one that is edited.
  if (answer.kind === 'refused') return { ...(await edit(step.ts)), streamStarted: false };
  return { isDone: true, ts, ...(step.kind === 'stop' ? { mode: 'none', streamStarted: false } : { mode }) };

  async function edit(at: string): Promise<Told['message']> {
    const edited = await ask('chat.update', { channel, ts: at, ...liveMessage(plan.full, progress.runId) });
    if (edited.kind === 'later') return { ...later(edited), mode: 'edits', ts: at };
    // It still streams, whatever was said before.
    if (edited.kind === 'refused' && edited.code === 'streaming_state_conflict')
      return { isDone: false, retryAfterMs: null, mode: 'edits', ts: at };
    // It was deleted, or may not be changed any more: it is left alone.
    return edited.kind === 'ok' ? { isDone: true, mode: 'edits', ts: at } : { isDone: true, mode: 'none', ts: null };
  }
}

const later = ({ retryAfterMs }: Later): { isDone: false; retryAfterMs: number | null } => ({
  isDone: false,
  retryAfterMs,
});

/** Should the answer be lost, the message that was begun stays as it is until Slack ends it, after five minutes at most; the next try begins another. */
async function start(
  ask: Ask,
  { chunks }: LiveStep & { kind: 'start' },
  { now, progress: { where, askedBy } }: Pick<Telling, 'now' | 'progress'>,
): Promise<Told['message']> {
  const answer = await ask(STREAM, {
    channel: where.channel,
    thread_ts: where.thread,
    task_display_mode: 'plan',
    chunks,
    ...(askedBy !== null && { recipient_user_id: askedBy, recipient_team_id: now.teamId ?? where.tenant }),
  });
  const { mode, ts } = now.row;
  if (answer.kind === 'later') return { ...later(answer), mode, ts };
  if (answer.kind === 'refused' || answer.ts === null)
    return { isDone: false, retryAfterMs: 0, mode: 'edits', ts: null, goesOn: true };
  return { isDone: true, mode: 'stream', ts: answer.ts, streamStarted: true };
}

async function post(
  ask: Ask,
  { isAgain }: LiveStep & { kind: 'post' },
  { now, plan, progress }: Pick<Telling, 'now' | 'plan' | 'progress'>,
): Promise<Told['message']> {
  const { channel, thread } = progress.where;
  const key = `live:${progress.runId}`;
  const content = liveMessage(plan.full, progress.runId);
  if (isAgain) {
    const looked = await ask.find(key, now.row.createdAt);
    if (looked.kind === 'later') return { ...later(looked), mode: 'edits', ts: null };
    const found = looked.kind === 'ok' ? looked.ts : null;
    if (found !== null) {
      const edited = await ask('chat.update', { channel, ts: found, ...content });
      return { ...partOf(edited), mode: 'edits', ts: found };
    }
    if (progress.state !== 'working') return { isDone: true, mode: 'none', ts: null };
  }
  const answer = await ask('chat.postMessage', {
    channel,
    thread_ts: thread,
    ...content,
    // Previews would fetch what outside text points at.
    unfurl_links: false,
    unfurl_media: false,
    metadata: metadataOf(key, 0),
  });
  return { ...partOf(answer), mode: 'edits', ts: answer.kind === 'ok' ? answer.ts : null };
}
