import type { KnownBlock } from '@slack/types';
import type { Button } from '#core/chat.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import type { ApprovalFacts } from '#activities/chat/render/approval.ts';
import { actionBlocks, buttonElement, linkButton } from './buttons.ts';
import { approvalUrl } from './card.ts';
import { boldLine, context, line, plain, richText, section, words } from './elements.ts';
import { cleanProse } from './escape.ts';
import { splitText } from './measure.ts';
import { sentence } from './pieces.ts';
import { notification, plainFrom } from './plain.ts';
import type { Link, SlackText } from './types.ts';

// Short messages that are not kept: answers to commands and to clicks.

/** A run, as lists of them show it. */
export interface HomeRun {
  id: string;
  /** What was asked for. */
  text: string;
  status: 'running' | 'waiting' | 'done' | 'failed' | 'stopped';
  /** It was stopped, and has not ended yet. */
  isStopping?: boolean;
  startedAt: Date;
}

const said = (blocks: KnownBlock[]): SlackText => ({ text: notification(plainFrom(blocks)), blocks });
const LISTED = 10;
const PRIVATE_COST = 2_500;

/** What one person alone is told: a refusal, an answer to their click. */
export function privateLine(text: string, link?: Link): SlackText {
  const [start = ''] = splitText(cleanProse(text), PRIVATE_COST);
  return said([line(start), ...(link ? actionBlocks([linkButton(link.label, link.url)]) : [])]);
}

const HELP: [string, string][] = [
  ['/abet', 'and what you want, in your own words: starts a request'],
  ['/abet status', 'your requests, and what they wait for'],
  ['/abet approvals', 'what waits for your decision'],
  ['/abet stop', 'stops your requests in this channel'],
  ['/abet connect', 'ties your Slack account to your account here; /abet disconnect unties it'],
];

/** The answer to `/abet help`. */
export const helpText = (publicUrl?: string): SlackText =>
  said([
    boldLine('How to ask'),
    line(
      'Mention me in a channel, write to me directly, or use a command. In a thread that I am part of, just write on. What changes something outside waits until somebody approves it.',
    ),
    richText([
      {
        type: 'rich_text_list',
        style: 'bullet',
        elements: HELP.map(([command, what]) => section([words(command, { code: true }), words(` ${what}`)])),
      },
    ]),
    ...(publicUrl === undefined ? [] : actionBlocks([linkButton('Open the panel', publicUrl)])),
  ]);

const STATUS: Record<HomeRun['status'], string> = {
  running: '⏳ Under way',
  waiting: '✋ Waiting for somebody',
  done: '✅ Done',
  failed: '⛔ Failed',
  stopped: '⏹️ Stopped',
};
const SHOWN = 200;
const short = (text: string): string => cut(escapeInvisible(text.replaceAll(/\s+/g, ' ').trim()), SHOWN);

/** What was asked, and how it stands. */
export const runLine = ({ status, isStopping, text }: HomeRun): string =>
  `${isStopping ? '⏹️ Stopping' : STATUS[status]}: ${short(text)}`;
export const runLink = ({ id }: HomeRun, publicUrl: string): Button => linkButton('Open', `${publicUrl}/runs/${id}`);

/** One run: what was asked, how it stands, and a link to it. */
export const runRow = (run: HomeRun, publicUrl: string): KnownBlock => ({
  type: 'section',
  text: plain(runLine(run)),
  accessory: buttonElement(runLink(run, publicUrl)),
});

/** The answer to `/abet status`. */
export const statusMessage = (runs: readonly HomeRun[], publicUrl: string): SlackText =>
  said(
    runs.length === 0
      ? [line('You have no requests yet. Write what you want after /abet, or mention me.')]
      : [
          boldLine('Your requests'),
          ...runs.slice(0, LISTED).map((run) => runRow(run, publicUrl)),
          ...more(runs.length, `${publicUrl}/runs`),
        ],
  );

/** The answer to `/abet approvals`. A list decides nothing: the cards do. */
export const approvalsMessage = (approvals: readonly ApprovalFacts[], publicUrl: string): SlackText =>
  said(
    approvals.length === 0
      ? [line('Nothing waits for your decision.')]
      : [
          boldLine('Waiting for your decision'),
          ...approvals.slice(0, LISTED).map((approval): KnownBlock => ({
            type: 'section',
            text: plain(`${short(approval.summary)}\nAsked by ${short(approval.requestedByName)}`),
            accessory: buttonElement(linkButton('Open', approvalUrl(publicUrl, approval.id))),
          })),
          ...more(approvals.length, `${publicUrl}/approvals`),
        ],
  );

export const more = (count: number, url: string): KnownBlock[] =>
  count <= LISTED
    ? []
    : [context(`${count - LISTED} more`), ...actionBlocks([linkButton('See all in the panel', url)])];

const ANCHOR_COST = 2_500;

/** The first message of a thread that a command opens: who asked for what. */
export function anchorMessage({ name, text }: { name: string; text: string }): SlackText {
  const [start = '', ...rest] = splitText(cleanProse(text).trim(), ANCHOR_COST);
  const asked = sentence(rest.length === 0 ? start : `${start}…`).flatMap((piece) =>
    'blocks' in piece ? piece.blocks : [],
  );
  return said([boldLine(`${cut(escapeInvisible(name), 80)} asks`), ...asked]);
}
