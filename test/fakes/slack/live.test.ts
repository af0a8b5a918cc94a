import { afterAll, expect, test } from 'vitest';
import { clientOf, outcome } from './client.ts';
import { readable, startSlack } from './index.ts';

const slack = await startSlack({ streamTimeoutMs: 300, sessionExpiryMs: 120 });
afterAll(() => slack.stop());
const web = clientOf(slack);
const { general: channel } = slack.channels;
const ana = slack.as('ana');
const to = { recipient_user_id: ana.id, recipient_team_id: slack.teamId };
const task = { type: 'task_update', id: 't1', title: 'Look it up', status: 'in_progress' } as const;

test('a stream is the message it grows into: text, tasks, plan and final blocks', async () => {
  const thread_ts = await ana.say('general', 'go');
  const started = await web.chat.startStream({ channel, thread_ts, ...to, chunks: [task], task_display_mode: 'plan' });
  const ts = String(started.ts);
  await web.chat.appendStream({
    channel,
    ts,
    chunks: [
      { type: 'markdown_text', text: 'Hello ' },
      { type: 'plan_update', title: 'Two steps' },
    ],
  });
  await web.chat.appendStream({
    channel,
    ts,
    chunks: [
      { ...task, status: 'complete', output: 'found' },
      { type: 'markdown_text', text: 'you' },
    ],
  });
  expect(await outcome(web.chat.update({ channel, ts, text: 'no' }))).toBe('streaming_state_conflict');
  await web.chat.stopStream({ channel, ts, blocks: [{ type: 'divider' }], session_status: 'active' });
  const { messages } = await web.conversations.replies({ channel, ts: thread_ts });
  expect(messages?.[1]).toMatchObject({ ts, text: 'Hello you' });
  const seen = slack.message('general', ts);
  expect(readable(seen ?? {})).toBe('Two steps\n(complete) Look it up\nfound\nHello you\n---');
  expect(seen?.['tasks']).toMatchObject([{ id: 't1', status: 'complete' }]);
  expect(slack.session('general', thread_ts)?.status).toBe('active');
  expect(await outcome(web.chat.appendStream({ channel, ts, chunks: [task] }))).toBe('message_not_in_streaming_state');
  expect(await outcome(web.chat.update({ channel, ts, text: 'edited' }))).toBe('ok');
});

test('a stream names its reader, keeps its shape, and ends by itself', async () => {
  const thread_ts = await ana.say('general', 'go');
  const start = (more: object) => outcome(web.chat.startStream({ channel, thread_ts, markdown_text: 'x', ...more }));
  expect(await start({})).toBe('missing_recipient_user_id');
  expect(await start({ recipient_user_id: ana.id })).toBe('missing_recipient_team_id');
  expect(await start({ ...to, markdown_text: 'x'.repeat(12_001) })).toBe('msg_too_long');
  const { ts } = await web.chat.startStream({ channel, thread_ts, ...to, markdown_text: 'x' });
  const append = (more: object) => outcome(web.chat.appendStream({ channel, ts: String(ts), ...more }));
  expect(await append({ chunks: [task] })).toBe('streaming_mode_mismatch');
  expect(await append({ markdown_text: 'y' })).toBe('ok');
  await expect.poll(() => append({ markdown_text: 'z' })).toBe('message_not_in_streaming_state');
  expect(slack.message('general', String(ts))?.['streaming_state']).toBe('errored');
});

test('the Stop button ends the streams and tells the app', async () => {
  const held = slack.hold();
  const dm = ana.dmChannel();
  const thread_ts = await ana.dm('go');
  await web.agents.sessions.setStatus({ channel_id: dm, thread_ts, status: 'processing' });
  const { ts } = await web.chat.startStream({ channel: dm, thread_ts, chunks: [] });
  expect(ana.stopSession(dm, thread_ts)).toEqual([ts]);
  expect(held.envelopes.at(-1)?.['event']).toMatchObject({
    type: 'agent_session_stopped',
    thread_ts,
    streaming_message_ts: [ts],
  });
  expect(await outcome(web.chat.appendStream({ channel: dm, ts: String(ts), chunks: [task] }))).toBe('stopped_by_user');
  held.drop();
});

test('a processing session that nobody renews is recorded as expired', async () => {
  const thread_ts = await ana.say('general', 'go');
  const set = (status: string) =>
    web.agents.sessions.setStatus({ channel_id: channel, thread_ts, status, title: 'Work' });
  await set('processing');
  await set('processing');
  expect(slack.session('general', thread_ts)).toMatchObject({ status: 'processing', title: 'Work' });
  await expect.poll(() => slack.session('general', thread_ts)?.status).toBe('expired');
  await set('suspended');
  const all = slack.sessionHistory('general', thread_ts).map(({ status }) => status);
  expect(all).toEqual(['processing', 'processing', 'expired', 'suspended']);
});

test('a status line has 50 characters at most and goes when the bot answers; prompts are four at most', async () => {
  const thread_ts = await ana.dm('hi');
  const channel_id = ana.dmChannel();
  await web.assistant.threads.setStatus({ channel_id, thread_ts, status: 'is thinking…' });
  expect(slack.status(channel_id, thread_ts)?.status).toBe('is thinking…');
  await web.chat.postMessage({ channel: channel_id, thread_ts, text: 'hello' });
  expect(slack.status(channel_id, thread_ts)).toBeNull();
  const long = 'x'.repeat(51);
  const tell = (status: string, loading: string) =>
    outcome(web.assistant.threads.setStatus({ channel_id, thread_ts, status, loading_messages: [loading] }));
  const said = [await tell(long, 'x'), await tell('x', long), await tell('x', ''), await tell('x'.repeat(50), 'x')];
  expect(said).toEqual(['invalid_arguments', 'invalid_arguments', 'invalid_arguments', 'ok']);
  const prompts = Array.from({ length: 5 }, (_, index) => ({ title: `t${index}`, message: 'm' }));
  const set = (count: number) =>
    outcome(web.assistant.threads.setSuggestedPrompts({ channel_id, prompts: prompts.slice(0, count) }));
  expect([await set(5), await set(4)]).toEqual(['invalid_arguments', 'ok']);
});
