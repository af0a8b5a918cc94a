import { eq } from 'drizzle-orm';
import type { PlatformApi, ThreadRef } from '#core/chat.ts';
import { newId } from '#core/ids.ts';
import type { Database } from '#db/client.ts';
import { addMessage } from '#db/threads.ts';
import { messages, runs, toolCalls, turns } from '#db/schema/index.ts';
import type { CallStatus, RunStatus } from '#db/schema/words.ts';
import { inOrg } from '#test/web/world.ts';
import { createLive, type LiveTimes } from '#activities/chat/slack/live.ts';
import { startSpeaking } from './slack-speaking.ts';

/** No pauses: a test that is about one sets it. */
const AT_ONCE: Partial<LiveTimes> = { pauseMs: 0, quietMs: 60_000 };

/** Slack, and runs of Ana's in it that a test moves by hand. */
export async function startLive(options: Parameters<typeof startSpeaking>[0] = {}) {
  const speaking = await startSpeaking(options);
  const { slack, world, ana, api, log, sql } = speaking;
  const { orgId } = ana;
  const edit = <T>(fn: Parameters<typeof inOrg<T>>[2]): Promise<T> => inOrg(world, orgId, fn);

  return {
    ...speaking,
    /** One process's way to show runs. */
    liveOn: (
      times: Partial<LiveTimes> = {},
      { db = world.deps.db, calls = api }: { db?: Database; calls?: PlatformApi } = {},
    ) => {
      const show = createLive({ db, slack: calls, log, times: { ...AT_ONCE, ...times } });
      return (run: { runId: string }) => show(orgId, run);
    },
    /** A run in a thread of its own, or in one that is there. */
    begin: async ({ statusText = 'Thinking', at }: { statusText?: string; at?: ThreadRef & { id: string } } = {}) => {
      const thread = at ?? (await speaking.addThread(slack.channels.general));
      const runId = newId();
      const number = await edit(async ({ tx }) => {
        const [message] = await tx.select().from(messages).where(eq(messages.threadId, thread.id));
        const before = await tx.select().from(runs).where(eq(runs.threadId, thread.id));
        await tx.insert(runs).values({
          id: runId,
          orgId,
          threadId: thread.id,
          messageId: message?.id ?? '',
          number: before.length + 1,
          seq: 1,
          requestedBy: ana.memberId,
          platform: 'slack',
          statusText,
          nextStartAt: new Date(),
        });
        return before.length + 1;
      });
      let calls = 0;
      const set = (status: RunStatus, text: string | null) =>
        edit(({ tx }) => tx.update(runs).set({ status, statusText: text }).where(eq(runs.id, runId)));
      return {
        runId,
        number,
        thread,
        works: (text: string) => set('running', text),
        waits: (text = 'Waits for approval of erp_createInvoice') => set('waiting', text),
        /** Begins a tool call; gives how it goes on. */
        step: async (tool: string, status: CallStatus = 'running') => {
          const id = newId();
          calls += 1;
          await edit(({ tx }) =>
            tx
              .insert(toolCalls)
              .values({ id, orgId, runId, turnNumber: 1, callNumber: calls, tool, input: '{}', status }),
          );
          return (next: CallStatus) =>
            edit(({ tx }) => tx.update(toolCalls).set({ status: next }).where(eq(toolCalls.id, id)));
        },
        /** Its answer is written. */
        answers: () =>
          edit(async (org) => {
            await org.tx
              .insert(turns)
              .values({ orgId, runId, number: 2, kind: 'reply', provider: 'test', model: 'test' });
            await addMessage(org, thread.id, { role: 'assistant', text: 'Here it is.', runId });
          }),
        ends: (status: RunStatus = 'done') =>
          edit(({ tx }) => tx.update(runs).set({ status, endedAt: new Date() }).where(eq(runs.id, runId))),
        row: async () => (await sql`select * from slack_live where run_id = ${runId}`)[0],
        /** Makes what was noted in the row so much older: the clocks of a test do not wait. */
        age: (ms: number) =>
          sql`update slack_live set stream_started_at = stream_started_at - ${`${ms} ms`}::interval, session_at = session_at - ${`${ms} ms`}::interval,
            due_at = due_at - ${`${ms} ms`}::interval, next_show_at = next_show_at - ${`${ms} ms`}::interval where run_id = ${runId}`,
        streams: () => slack.streams().filter(({ threadTs }) => threadTs === thread.thread),
        session: () => slack.session(thread.channel, thread.thread)?.status,
        status: () => slack.status(thread.channel, thread.thread)?.status,
        said: () => speaking.said(thread),
      };
    },
  };
}
export type LiveGround = Awaited<ReturnType<typeof startLive>>;
