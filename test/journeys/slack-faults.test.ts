import pino from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readConfig } from '#core/config.ts';
import { startProduct } from '#scripts/start/product.ts';
import { readable, type Json } from '#test/fakes/slack/index.ts';
import { startSlackCompany, type SlackCompany } from '#test/setup/slack-company.ts';
import { invoicesOf } from '#test/setup/company.ts';
import { until } from '#test/setup/until.ts';

// Most of it waits: for time-outs, and for the time Slack asks for.
vi.setConfig({ maxConcurrency: 16 });

const KINDS = ['reset after', 'hang after', 'status 500 after', 'reset before', 'status 500'] as const;
const CASES = (['approval', 'reply'] as const)
  .flatMap((what) => KINDS.map((kind) => ({ what, kind })))
  .map((one, at) => ({ ...one, number: `INV-${301 + at}` }));
const LIMITED = 'INV-300';

let it: SlackCompany;
beforeAll(async () => {
  const channels = Object.fromEntries([...CASES.map(({ number }) => number), LIMITED].map((name) => [name, {}]));
  it = await startSlackCompany({ slack: { channels, redeliverAfterMs: [50, 500, 2_000] } });
  // Their copies would share Bo's direct messages, and its budget.
  await it.sql`update orgs set settings = settings || '{"slack": {"matchEmail": false, "channels": [], "tellApprovers": false}}'`;
});
afterAll(() => it.stop());

const keyOf = (args: Json): string => args['metadata']?.event_payload?.key ?? '';
const isAbout = (what: string, number: string) => (args: Json) =>
  keyOf(args).startsWith(`${what}:`) && JSON.stringify(args).includes(number);
const postsAbout = (what: string, number: string) =>
  it.slack.calls('chat.postMessage').filter(({ args }) => isAbout(what, number)(args));

/** Lets so much time go by for posts of unknown end that they can no longer arrive. */
const letLand = (what: string, number: string) => it.sql`
  update slack_posts p set sent_at = p.sent_at - interval '21 seconds' from approvals a
  where a.payload like ${`%"${number}"%`} and p.key in ('approval:' || a.id, 'reply:' || a.run_id) and p.key like ${`${what}:%`}
    and p.state = 'intended' and p.lease_until is null and p.sent_at > now() - interval '20 seconds'`;

test.concurrent.each(CASES)(
  'E5 the $what, with "$kind" at its post: it is in the thread once, and the run ends right',
  async ({ what, kind, number }) => {
    const isOut = kind.endsWith('after');
    const fault = it.slack.fault('chat.postMessage', kind, 1, isAbout(what, number));
    const aging = isOut ? undefined : setInterval(() => void letLand(what, number).catch(() => undefined), 500);
    try {
      const { ts, card, runId } = await it.proposeIn(number, { channel: number });
      await it.slack.as('bo').click(card, 'Approve');
      await it.hears(number, ts, /Done: /);
      await it.runIs(it.ana, runId, 'done');
      const said = it.said(number, ts).filter(({ metadata }) => metadata);
      expect(said.map(keyOf)).toEqual([expect.stringMatching(/^approval:/), `reply:${runId}`]);
      // The SDK repeats nothing by itself.
      expect(postsAbout(what, number)).toHaveLength(isOut ? 1 : 2);
      expect(invoicesOf(it.erp, number)).toHaveLength(1);
      expect(await it.sql`select 1 from slack_posts where channel = ${card['channel']} and state <> 'posted'`).toEqual(
        [],
      );
      await it.sessionIs(number, ts, 'active');
      await it.liveIsClosed(runId);
    } finally {
      clearInterval(aging);
      fault.release();
    }
  },
);

test('I1 I2 the same event to two processes at once, and again, is one run; both events of one text are', async () => {
  const config = readConfig({ ...it.env, ABETWORKS_DATA_DIR: `${it.folder}/second` });
  const second = await startProduct(config, ['web'], pino({ level: 'silent' }), () => {});
  const urls = [it.url, second.url ?? ''].map((url) => `${url}/slack/events`);
  try {
    const held = it.slack.hold();
    const ts = await it.slack.as('ana').say(LIMITED, '@bot hi');
    held.drop();
    expect(new Set(held.envelopes.map(({ event }) => event.type))).toEqual(new Set(['app_mention', 'message']));
    const answers = await Promise.all(
      held.envelopes.flatMap((envelope) =>
        [...urls, ...urls].map((url, at) =>
          it.slack.post(envelope, { url, ...(at > 1 ? { headers: { 'x-slack-retry-num': '1' } } : {}) }),
        ),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await it.hears(LIMITED, ts, /./);
    expect(await it.runOf(LIMITED, ts)).toHaveLength(1);
    expect(
      await it.sql`select 1 from runs r join inbound_events e on e.run_id = r.id where e.source_key like ${`%:${ts}`}`,
    ).toHaveLength(1);
    expect(it.said(LIMITED, ts)).toHaveLength(1);
  } finally {
    await second.stop();
  }
});

test('the door for events: Slack’s first question, what is too large, and what is no delivery', async () => {
  expect(await it.slack.verifyUrl()).toBe(true);
  const large = await it.slack.post({
    type: 'event_callback',
    event: { type: 'message', text: 'x'.repeat(1024 * 1024) },
  });
  expect(large.status).toBe(413);
  const read = await fetch(`${it.url}/slack/events`);
  expect([read.status, read.headers.get('allow')]).toEqual([405, 'POST']);
  expect((await it.slack.post({ type: 'event_callback' }, { secret: 'another' })).status).toBe(401);
});

test('a limit is waited out, as long as Slack says: posts, edits of cards and homes; nothing is lost', async () => {
  const number = LIMITED;
  const isIts = (args: Json) => JSON.stringify(args).includes(number);
  const gapsOf = (method: string) => {
    const calls = it.slack.calls(method).filter(({ args }) => isIts(args));
    const limited = calls.findIndex(({ answer }) => answer === 'ratelimited');
    // Other cards of the same question are posted and edited beside it.
    const placeOf = ({ args }: (typeof calls)[number]) => [args['channel'], args['ts'], args['user_id']].join();
    const [first, second] = calls.slice(limited).filter((call, _, [own]) => own && placeOf(call) === placeOf(own));
    return (second?.at ?? 0) - (first?.at ?? 0);
  };
  it.slack.as('bo').openHome();
  await until('his home is there', async () => it.slack.home('bo'));
  it.slack.limit('chat.postMessage', { retryAfterS: 2, where: isIts });
  it.slack.limit('views.publish', { retryAfterS: 2, where: isIts });
  const { ts, card, runId } = await it.proposeIn(number, { channel: number });
  expect(gapsOf('chat.postMessage')).toBeGreaterThanOrEqual(2_000);
  await until('his home shows it', async () => JSON.stringify(it.slack.home('bo')).includes(number));
  expect(gapsOf('views.publish')).toBeGreaterThanOrEqual(2_000);
  it.slack.limit('chat.update', { where: isIts });
  await it.slack.as('bo').click(card, 'Approve');
  await it.hears(number, ts, /Done: /);
  await until('the card shows it', async () =>
    readable(it.slack.message(number, card['ts']) ?? {}).includes('Approved'),
  );
  expect(gapsOf('chat.update')).toBeGreaterThanOrEqual(1_000);
  await until('his home shows it no more', async () => !JSON.stringify(it.slack.home('bo')).includes(number));
  expect(it.said(number, ts).filter(({ metadata }) => metadata)).toHaveLength(2);
  await it.runIs(it.ana, runId, 'done');
});
