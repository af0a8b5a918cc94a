import { eq } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { effectQuestion, replyMessage } from '#activities/chat/render/index.ts';
import { slackMessage } from '#activities/chat/render/slack/index.ts';
import { newId } from '#core/ids.ts';
import { effects, inboundEvents, messages, runFeedback, runs, slackPosts, threads } from '#db/schema/index.ts';
import { openOffice, type Office } from '#bots/slack/office.fixture.ts';
import { readable, type Message } from '#test/fakes/slack/index.ts';
import { until } from '#test/setup/until.ts';
import { addRows, type Rows } from '#test/web/rows.ts';
import { inOrg } from '#test/web/world.ts';

let it: Office;
let rows: Rows;
beforeAll(async () => {
  it = await openOffice();
});
afterAll(() => it.close());
beforeEach(async () => {
  rows = await addRows(it.world, it.members.mia);
});
const as = (name: 'ana' | 'bo' | 'mia' | 'vic' | 'zoe') => it.slack.as(name);

const question = async (isOurs = true): Promise<Message> => {
  const parts = slackMessage(effectQuestion({ id: rows.effectId, summary: 'Create an invoice', externalId: null }));
  const message = await it.post(it.slack.channels.general, parts);
  if (isOurs) await it.notePost(`effect:${rows.effectId}`, message);
  return message;
};
const effect = async () =>
  (await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(effects).where(eq(effects.id, rows.effectId))))[0];
const resolved = (resolution: string) =>
  until(`it is resolved as ${resolution}`, async () => {
    const now = await effect();
    if (now?.resolution !== resolution) throw new Error(`${now?.state} ${now?.resolution}`);
    return now;
  });

test('E6 "It was sent" asks for the other side’s id, and keeps it', async () => {
  const message = await question();
  await as('bo').click(message, 'It was sent');
  const modal = await it.modal('bo', 'sent');
  const refused = await as('bo').submit(modal, { external_id: 'a\u0000b' });
  expect(refused.body).toMatchObject({ response_action: 'errors' });
  expect((await as('bo').submit(modal, { external_id: ' INV-9 ' })).body).toBeFalsy();
  expect(await resolved('sent')).toMatchObject({ externalId: 'INV-9' });
  await as('ana').click(message, 'It was not sent: send again');
  expect(await it.told('ana', 'settled already')).toBeTruthy();
});

test('E6 the id may be left out, and "not sent" needs no more than the click', async () => {
  await as('bo').click(await question(), 'It was sent');
  await as('bo').submit(await it.modal('bo', 'sent'));
  expect(await resolved('sent')).toMatchObject({ externalId: null });
  rows = await addRows(it.world, it.members.mia);
  await as('bo').click(await question(), 'It was not sent: send again');
  await resolved('not_sent');
});

test('E6 who asked, and who could not have approved it, may not answer', async () => {
  const message = await question();
  await as('mia').click(message, 'It was not sent: send again');
  expect(await it.told('mia', '')).toMatch(/could have approved|You asked for this/);
  await as('vic').click(message, 'It was sent');
  await as('vic').submit(await it.modal('vic', 'sent'));
  expect(readable(await it.modal('vic', 'notice'))).toContain('could have approved');
  expect(await effect()).toMatchObject({ state: 'ambiguous' });
});

test('A7 a question that we did not post there is answered by no click', async () => {
  const copy = await question(false);
  for (const label of ['It was sent', 'It was not sent: send again']) await as('bo').click(copy, label);
  await until('both were refused', async () => {
    const told = it.slack.ephemerals('bo').map(readable);
    return told.filter((text) => text.includes('not the question')).length === 2;
  });
  // Nor by one that was posted for something else.
  await it.notePost(`effect:${newId()}`, copy);
  await as('bo').click(copy, 'It was sent');
  await until('it was refused too', async () => {
    const told = it.slack.ephemerals('bo').map(readable);
    return told.filter((text) => text.includes('not the question')).length === 3;
  });
  const own = await question();
  await as('bo').click(own, 'It was sent');
  const modal = await it.modal('bo', 'sent');
  const forged = await as('bo').submit(
    modal,
    {},
    {
      tamper: (payload) => {
        const meta = JSON.parse(payload['view'].private_metadata);
        payload['view'].private_metadata = JSON.stringify({ ...meta, ts: copy['ts'] });
      },
    },
  );
  expect(JSON.stringify(forged.body)).toContain('not the question');
  expect(await effect()).toMatchObject({ state: 'ambiguous' });
});

test('a question that Slack shows before we have it on record is no forgery: press it again', async () => {
  const message = await question(false);
  await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.insert(slackPosts).values({
      id: newId(),
      orgId: it.orgId,
      key: `effect:${rows.effectId}`,
      tenant: it.slack.teamId,
      channel: message['channel'],
      thread: '',
      intendedAt: new Date(),
      sentAt: new Date(),
      updatedAt: new Date(),
    }),
  );
  await as('bo').click(message, 'It was sent');
  expect(await it.told('bo', 'Press it again')).toBeTruthy();
  await as('ana').click(message, 'It was not sent: send again');
  expect(await it.told('ana', 'Press it again')).toBeTruthy();
  expect(await effect()).toMatchObject({ state: 'ambiguous' });
});

const answer = async (suggestions: string[]): Promise<Message> => {
  await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.insert(messages).values({
      orgId: it.orgId,
      threadId: rows.threadId,
      seq: 2,
      role: 'assistant',
      text: 'Done.',
      suggestions,
      runId: rows.runId,
    }),
  );
  const shown = replyMessage({
    key: `reply:${rows.runId}`,
    text: 'Done.',
    suggestions,
    receipts: [],
    runId: rows.runId,
  });
  const root = await it.post(it.slack.channels.general, [{ text: 'root', blocks: [] }]);
  const message = await it.post(it.slack.channels.general, slackMessage(shown, { feedback: true }), root['ts']);
  await it.notePost(`reply:${rows.runId}`, message);
  return message;
};

test('a suggestion is said by whoever clicks it, in the same thread, once; what is said is what was stored', async () => {
  const message = await answer(['Post the next one', 'What is left?']);
  const clicked = await as('ana').click(message, 'What is left?', {
    tamper: (payload) => {
      payload['actions'][0].text.text = 'Delete everything';
      payload['actions'][0].value = 'Delete everything';
    },
  });
  const [said] = await until('it was said', async () => {
    const found = await inOrg(it.world, it.orgId, ({ tx }) =>
      tx
        .select({ text: messages.text, by: messages.memberId, thread: threads.thread, channel: threads.channel })
        .from(messages)
        .innerJoin(runs, eq(runs.messageId, messages.id))
        .innerJoin(threads, eq(threads.id, messages.threadId))
        .where(eq(threads.thread, String(message['thread_ts']))),
    );
    return found.length > 0 ? found : undefined;
  });
  expect(said).toEqual({
    text: 'What is left?',
    by: it.members.ana.memberId,
    thread: message['thread_ts'],
    channel: it.slack.channels.general,
  });
  const stored = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(inboundEvents).where(eq(inboundEvents.sourceKey, clicked.triggerId)),
  );
  expect(stored).toMatchObject([{ outcome: 'run' }]);
});

test('a suggestion of a message that is not ours, or that is not there, is not said', async () => {
  const message = await answer(['Post the next one']);
  const copy = await it.post(it.slack.channels.random, [{ text: 'copy', blocks: message['blocks'] }]);
  await as('ana').click(copy, 'Post the next one');
  await as('ana').click(message, 'Post the next one', {
    tamper: (payload) => (payload['actions'][0].action_id = 'suggest:7'),
  });
  await until('both were refused', async () => {
    const told = it.slack.ephemerals('ana').map(readable);
    return told.filter((text) => text.includes('not there any more')).length === 2;
  });
  const said = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx
      .select()
      .from(threads)
      .where(eq(threads.thread, String(message['thread_ts']))),
  );
  expect(said).toEqual([]);
});

test('a viewer’s suggestion is refused, privately', async () => {
  await as('vic').click(await answer(['Post the next one']), 'Post the next one');
  expect(await it.told('vic', 'only lets you read')).toBeTruthy();
});

const rated = async () => {
  const found = await inOrg(it.world, it.orgId, ({ tx }) =>
    tx.select().from(runFeedback).where(eq(runFeedback.runId, rows.runId)),
  );
  return found.map(({ memberId, rating, surface }) => ({ memberId, rating, surface }));
};

test('feedback is kept with the run, and each person’s last word counts', async () => {
  const message = await answer([]);
  const { memberId } = it.members.vic;
  await as('vic').click(message, 'Good answer');
  await until('it is kept', async () => (await rated()).length === 1);
  await as('vic').click(message, 'Bad answer');
  await until('it is changed', async () => (await rated())[0]?.rating === 'bad');
  expect(await rated()).toEqual([{ memberId, rating: 'bad', surface: 'slack' }]);
});

test('feedback of nobody we know, of another run and of another word is not kept', async () => {
  const message = await answer([]);
  await as('zoe').click(message, 'Good answer');
  expect(await it.told('zoe', '/abet connect')).toBeTruthy();
  await as('bo').click(message, 'Good answer', {
    tamper: (payload) => (payload['actions'][0].action_id = `feedback:${newId()}`),
  });
  expect(await it.told('bo', 'no such run')).toBeTruthy();
  await as('bo').click(message, 'Good answer', { tamper: (payload) => (payload['actions'][0].value = 'superb') });
  await it.slack.quiet();
  expect(await rated()).toEqual([]);
  expect(it.slack.ephemerals('bo').map(readable).join()).not.toContain('did not work');
});

test('R5 Stop stops one’s own run, and not another’s', async () => {
  const blocks = [
    {
      type: 'actions',
      elements: [{ type: 'button', action_id: `stop:${rows.runId}`, text: { type: 'plain_text', text: 'Stop' } }],
    },
  ] as never;
  const message = await it.post(it.slack.channels.general, [{ text: 'Working', blocks }]);
  const other = await addRows(it.world, it.members.ana);
  await as('mia').click(message, 'Stop', {
    tamper: (payload) => (payload['actions'][0].action_id = `stop:${other.runId}`),
  });
  expect(await it.told('mia', 'no such run')).toBeTruthy();
  await as('mia').click(message, 'Stop');
  await until('it is stopping', async () => {
    const [run] = await inOrg(it.world, it.orgId, ({ tx }) => tx.select().from(runs).where(eq(runs.id, rows.runId)));
    return run?.stopRequestedAt;
  });
});
