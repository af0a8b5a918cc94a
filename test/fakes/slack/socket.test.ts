import { SocketModeClient } from '@slack/socket-mode';
import { afterAll, expect, test } from 'vitest';
import { until } from '#test/setup/until.ts';
import { startSlack, type Json } from './index.ts';

const slack = await startSlack();
slack.useSocket();
const none = () => undefined;
const logger = {
  debug: none,
  info: none,
  warn: none,
  error: none,
  setLevel: none,
  setName: none,
  getLevel: () => 'error',
};
const client = new SocketModeClient({
  appToken: slack.appToken,
  clientPingTimeout: 100,
  clientOptions: { slackApiUrl: slack.apiUrl, retryConfig: { retries: 0 } },
  logger: logger as never,
});
const heard: Json[] = [];
let mayAck = true;
client.on('slack_event', (frame: Json) => {
  heard.push(frame);
  if (mayAck) void frame['ack'](frame['type'] === 'slash_commands' ? { text: 'over the socket' } : undefined);
});
afterAll(async () => {
  await client.disconnect();
  await slack.stop();
});
const ana = slack.as('ana');

test('events, commands and their answers go over the socket', async () => {
  await client.start();
  await ana.dm('hello');
  await until('the event', async () => heard.length === 1, 2000);
  expect(heard[0]).toMatchObject({
    type: 'events_api',
    retry_num: 0,
    body: { event: { type: 'message', text: 'hello' } },
  });
  const answered = await ana.command('/abet help', { channel: 'general' });
  expect(answered.body).toEqual({ text: 'over the socket' });
  expect(slack.ephemerals('ana').at(-1)?.['text']).toBe('over the socket');
  expect(slack.socket.waiting()).toBe(0);
});

test('what was not acknowledged when the line broke comes again, as the same event', async () => {
  mayAck = false;
  await ana.dm('again');
  await until('the event', async () => heard.at(-1)?.['body'].event?.text === 'again', 2000);
  mayAck = true;
  slack.socket.dropConnection();
  await until('the second delivery', async () => heard.at(-1)?.['retry_num'] === 1, 15_000);
  const [first, second] = heard.slice(-2);
  expect(second?.['body'].event_id).toBe(first?.['body'].event_id);
  expect(second?.['retry_reason']).toBe('connection_closed');
  await until('the acknowledgement', async () => slack.socket.waiting() === 0, 2000);
});
