import { readable, type Hands, type Message } from '#test/fakes/slack/index.ts';
import type { Person } from '#test/fakes/slack/options.ts';
import { startSlackCompany, type SlackCompany } from './slack-company.ts';
import { until } from './until.ts';

/** Everybody who may, or may not, press a button. Cy administrates too, Vic only reads, Gus is a guest and linked, Zoe is nobody here. */
const PEOPLE: Record<string, Person> = {
  ana: { email: 'ana@example.com', isAdmin: true },
  bo: { email: 'bo@example.com' },
  mia: { email: 'mia@example.com' },
  cy: { email: 'cy@example.com' },
  vic: { email: 'vic@example.com' },
  gus: { email: 'gus@example.com', isGuest: true },
  zoe: { email: 'zoe@elsewhere.test' },
};
export type Name = 'ana' | 'bo' | 'mia' | 'cy' | 'vic' | 'gus' | 'zoe';

/** The company with its Slack, and what its people see of their own. */
export interface SlackDesk extends SlackCompany {
  as(name: Name): Hands;
  cy: SlackCompany['mia'];
  /** Waits until somebody alone was told something. */
  told(name: Name, words: string): Promise<Message>;
  /** Waits for a modal on somebody's screen. */
  modal(name: Name, callbackId: string): Promise<Message>;
  /** Somebody's own copy of a card, in their direct messages. */
  directCard(name: Name, approvalId: string): Promise<Message>;
  /** A message of the thread as it is now. */
  now(message: Message): Message;
  statusOf(approvalId: string): Promise<string>;
}

export async function startSlackDesk(options: Parameters<typeof startSlackCompany>[0] = {}): Promise<SlackDesk> {
  const it = await startSlackCompany({ ...options, slack: { users: PEOPLE, ...options.slack } });
  const { slack } = it;
  const [cy, vic, gus] = await Promise.all([it.join('Cy', 'admin'), it.join('Vic', 'viewer'), it.join('Gus', 'admin')]);
  await it.link('cy', cy.memberId);
  await it.link('vic', vic.memberId);
  await it.link('gus', gus.memberId);
  return {
    ...it,
    cy,
    as: (name) => slack.as(name),
    told: (name, words) =>
      until(`${name} is told "${words}"`, async () => {
        const all = slack.ephemerals(name);
        const found = all.findLast((one) => readable(one).includes(words));
        if (!found) throw new Error(all.map(readable).join('\n---\n') || 'nothing yet');
        return found;
      }),
    modal: (name, callbackId) =>
      until(`${name} sees the modal ${callbackId}`, async () => {
        const open = slack.modals(name).at(-1);
        if (open?.['callback_id'] !== callbackId) throw new Error(`there is ${open?.['callback_id'] ?? 'none'}`);
        return open;
      }),
    directCard: (name, approvalId) =>
      until(`${name} has a copy`, async () => {
        const channel = slack.as(name).dmChannel();
        const [row] = await it.sql<{ message: string }[]>`
          select message from approval_cards where approval_id = ${approvalId} and channel = ${channel}`;
        return row && slack.message(channel, row.message);
      }),
    now: (message) => slack.message(message['channel'], message['ts']) ?? {},
    statusOf: async (approvalId) => {
      const [row] = await it.sql<{ status: string }[]>`select status from approvals where id = ${approvalId}`;
      return row?.status ?? '';
    },
  };
}
