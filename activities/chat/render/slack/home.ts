import type { HomeView, KnownBlock, RichTextSection } from '@slack/types';
import { escapeInvisible } from '#core/text.ts';
import type { ApprovalFacts } from '#activities/chat/render/approval.ts';
import { actionBlocks, linkButton } from './buttons.ts';
import { slackCard, SLACK_BUDGET } from './card.ts';
import { context, ellipsis, header, line, plain, richText, section, words } from './elements.ts';
import { cleanLiteral } from './escape.ts';
import { VIEW_BLOCKS } from './limits.ts';
import { type HomeRun, more, runLine, runLink, runRow } from './lines.ts';
import { messagePieces } from './message.ts';

export interface HomeConnection {
  name: string;
  connector: string;
  /** What is wrong with it, in a sentence; null when it works. */
  problem: string | null;
}
export interface Home {
  /** Where the panel is, without a slash at its end. */
  publicUrl: string;
  memberName: string;
  /** What waits for this person, oldest first. */
  approvals: readonly ApprovalFacts[];
  /** Theirs, newest first. */
  runs: readonly (HomeRun & { mayStop?: boolean })[];
  connections: readonly HomeConnection[];
  isLinked: boolean;
  /** Why there is nothing for them here; then they see no more than that. */
  notice?: keyof typeof NOTICES;
  /** Their private link, when they are not linked yet. */
  linkUrl?: string;
}

/** Without a link: there is nowhere for them to go. */
const NOTICES = {
  outsider: 'I work for full members of this workspace only. Ask a colleague who is one.',
  switched_off: 'Your access to Abetworks was switched off. Ask an admin of your organisation.',
} as const;

const APPROVALS = 10;
const RUNS = 10;
const CONNECTIONS = 15;
/** Ten cards share a view: long ones send the reader to the full payload. */
export const HOME_BUDGET = { ...SLACK_BUDGET, textLength: 1_200, fieldLength: 300, blocks: 13 };
/** How many more cards there are, and the way to them. */
const REST = 2;

/** A person's App Home: what waits for them, what they asked for, what is connected, and the way to the panel. */
export function homeView(home: Home): HomeView {
  if (home.notice) return { type: 'home', callback_id: 'home', blocks: [line(NOTICES[home.notice])] };
  const below = [...runs(home), ...connections(home)];
  const blocks = home.isLinked ? [...approvals(home, VIEW_BLOCKS - below.length), ...below] : unlinked(home);
  return { type: 'home', callback_id: 'home', blocks: blocks.slice(0, VIEW_BLOCKS) };
}

const unlinked = ({ linkUrl, publicUrl }: Home): KnownBlock[] => [
  header('Link your account'),
  line(
    'I do not know yet whose Slack account this is. Link it to your account here, once, and this page shows your approvals and requests.',
  ),
  ...(linkUrl === undefined
    ? [line('Send me any message, or write /abet connect, and I answer with a private link.')]
    : actionBlocks([{ ...linkButton('Link my account', linkUrl), style: 'primary' }])),
  context(`If you have no account yet, ask an admin to invite you: ${publicUrl}`),
];

function approvals({ approvals, memberName, publicUrl }: Home, room: number): KnownBlock[] {
  const title = header(`Waiting for you, ${ellipsis(escapeInvisible(memberName), 60)}`);
  if (approvals.length === 0) return [title, line('Nothing waits for your decision. When something does, it is here.')];
  const found: KnownBlock[] = [title];
  let shown = 0;
  for (const facts of approvals.slice(0, APPROVALS)) {
    const card = cardBlocks(facts, publicUrl);
    if (found.length + card.length > room - REST) break;
    found.push(...card);
    shown += 1;
  }
  const rest = approvals.length - shown;
  return rest === 0
    ? found
    : [
        ...found,
        context(`${rest} more`),
        ...actionBlocks([linkButton('See all in the panel', `${publicUrl}/approvals`)]),
      ];
}

const cardBlocks = (facts: ApprovalFacts, publicUrl: string): KnownBlock[] => [
  ...messagePieces(slackCard(facts, { publicUrl, budget: HOME_BUDGET })).flatMap((piece) =>
    'blocks' in piece ? piece.blocks : [],
  ),
  { type: 'divider' },
];

const runs = ({ runs, publicUrl }: Home): KnownBlock[] => [
  header('Your requests'),
  ...(runs.length === 0
    ? [line('None yet. Mention me in a channel, or write to me under Messages, for example: What can you do?')]
    : runs.slice(0, RUNS).flatMap((run) => (run.mayStop ? openRun(run, publicUrl) : runRow(run, publicUrl)))),
  ...more(runs.length, `${publicUrl}/runs`),
];

/** One that goes on: beside its text there is room for one button only. */
const openRun = (run: HomeRun, publicUrl: string): KnownBlock[] => [
  { type: 'section', text: plain(runLine(run)) },
  ...actionBlocks([runLink(run, publicUrl), { id: `stop:${run.id}`, label: 'Stop', style: 'danger', confirm: STOP }]),
];
const STOP = {
  title: 'Stop this request?',
  text: 'It ends, and what waits for approval in it is cancelled. What is being sent right now is not called back; the answer in its thread says how that ended.',
  label: 'Stop it',
};

const connections = ({ connections, publicUrl }: Home): KnownBlock[] => [
  header('Connections'),
  ...(connections.length === 0
    ? [line('Nothing is connected yet, so I can only talk. An admin connects tools in the panel.')]
    : [
        richText([
          { type: 'rich_text_list', style: 'bullet', elements: connections.slice(0, CONNECTIONS).map(connectionItem) },
        ]),
      ]),
  ...actionBlocks([
    linkButton('Open the panel', publicUrl),
    { ...linkButton('All connections', `${publicUrl}/connections`), id: 'panel:connections' },
  ]),
];

const connectionItem = ({ name, connector, problem }: HomeConnection): RichTextSection =>
  section([
    words(`${problem === null ? '✅' : '⛔'} ${literal(name)}`, { bold: true }),
    words(` (${literal(connector)})${problem === null ? ' works' : `: ${literal(problem)}`}`),
  ]);
const literal = (text: string): string => ellipsis(cleanLiteral(escapeInvisible(text)), 300);
