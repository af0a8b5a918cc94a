import { expect, test } from 'vitest';
import { PlatformFailure } from '#core/errors.ts';
import { readThreadBefore, saidIn, type ThreadAsk } from './thread-before.ts';

type Page = Record<string, unknown> | PlatformFailure;
const names = new Map([
  ['U1', 'Bo'],
  ['U2', 'Cy'],
]);

async function read(pages: readonly Page[], more: Partial<ThreadAsk> = {}) {
  const asked: Record<string, unknown>[] = [];
  const slack = {
    call: async (_at: object, method: string, args: Record<string, unknown>) => {
      asked.push({ method, ...args });
      const page = pages[asked.length - 1] ?? { messages: [] };
      if (page instanceof PlatformFailure) throw page;
      return page;
    },
  };
  const ask: ThreadAsk = {
    orgId: 'o',
    tenant: 'T1',
    channel: 'C1',
    root: '100.000000',
    before: '200.000000',
    self: { userId: 'UBOT', botId: 'B1' },
    namesOf: async () => names,
    ...more,
  };
  return { content: await readThreadBefore(slack, ask, new AbortController().signal), asked };
}
const said = (user: string, text: string, ts = '150.000000', more = {}) => ({
  type: 'message',
  user,
  text,
  ts,
  ...more,
});

test('what was said in the thread before is read, with who said it, and without the assistant’s own posts', async () => {
  const { content, asked } = await read([
    {
      messages: [
        said('U1', 'Can <@U2> send <https://erp.test/1|the invoice>?', '100.000000'),
        said('U9', 'To bo@x.test &amp; <!here>\nby noon'),
        said('UBOT', 'I am here.'),
        { type: 'message', ts: '1.1', bot_id: 'B1', subtype: 'bot_message', text: 'A card.' },
        {
          type: 'message',
          ts: '1.1',
          bot_id: 'B7',
          username: 'Jira',
          subtype: 'bot_message',
          text: 'JIRA-1 is closed',
        },
        said('U1', 'has joined', '1.1', { subtype: 'channel_join' }),
        said('U1', '', '1.1', { files: [{ name: 'a.csv' }] }),
        said('U1', 'The request itself', '200.000000'),
      ],
    },
  ]);
  expect(content).toMatchObject({
    status: 'read',
    note: null,
    text: [
      'Bo: Can @Cy send the invoice (https://erp.test/1)?',
      'someone: To bo@x.test & @here',
      '  by noon',
      'Jira: JIRA-1 is closed',
      'Bo: [file a.csv]',
    ].join('\n'),
  });
  expect(asked).toEqual([
    {
      method: 'conversations.replies',
      channel: 'C1',
      ts: '100.000000',
      latest: '200.000000',
      inclusive: false,
      limit: 200,
    },
  ]);
  expect(saidIn('Bo: one\n  Cy: two\nCy: three')).toEqual([
    { name: 'Bo', text: 'one\n  Cy: two' },
    { name: 'Cy', text: 'three' },
  ]);
});

test('of a long thread the newest are read, over its pages, and it is said how many are left out', async () => {
  const page = (from: number, cursor?: string) => ({
    messages: Array.from({ length: 40 }, (_, at) => said('U1', `line ${from + at}`)),
    response_metadata: { next_cursor: cursor },
  });
  const { content, asked } = await read([page(1, 'next'), page(41)]);
  expect(asked[1]).toMatchObject({ cursor: 'next' });
  const text = content.status === 'read' ? content.text : '';
  expect(text?.split('\n')).toHaveLength(50);
  expect(text).toMatch(/^Bo: line 31\n[^]*\nBo: line 80$/);
  expect(content.note).toBe('30 older messages are left out.');
  const long = await read([{ messages: [said('U1', 'x'.repeat(15_000)), said('U2', 'y'.repeat(15_000))] }]);
  expect(long.content).toMatchObject({ text: expect.stringMatching(/^Cy: y+$/), note: '1 older message is left out.' });
});

test('when Slack is asked too often it is asked once more, and then the person is told', async () => {
  const limited = new PlatformFailure('limited', 'ratelimited', { retryAfterMs: 1 });
  const again = await read([limited, { messages: [said('U1', 'hello')] }]);
  expect(again.content).toMatchObject({ status: 'read', text: 'Bo: hello' });
  const never = await read([limited, limited]);
  expect(never.asked).toHaveLength(2);
  expect(never.content).toEqual({
    status: 'skipped',
    note: 'Slack was asked too often just now, so what was said before was not read. Quote what matters.',
  });
  // A wait of a minute is nobody's to wait.
  expect((await read([new PlatformFailure('limited', 'ratelimited', { retryAfterMs: 60_000 })])).asked).toHaveLength(1);
});

test('what Slack refuses is told with what to do', async () => {
  for (const [code, note] of [
    ['not_in_channel', 'Invite it'],
    ['missing_scope', 'missing_scope'],
  ] as const)
    expect((await read([new PlatformFailure('refused', code)])).content).toMatchObject({
      status: 'skipped',
      note: expect.stringContaining(note),
    });
  expect((await read([{ messages: [] }])).content.note).toBe('Nothing was said in the thread before.');
});
