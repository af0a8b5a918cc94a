import type { Block, ChatBudget, Outgoing } from '#core/chat.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import { fitItems } from './budget.ts';
import { argumentItems, changedItems, type Item, readPayload, requestItems, targetItems } from './payload.ts';
import { formatTime } from './time.ts';

export type ApprovalStatus = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'superseded';

/** What an approval row says, with names in the place of ids. */
export interface ApprovalFacts {
  id: string;
  summary: string;
  /** RFC 8785 text of what would run: every argument on the card is read from it (RULES A1). */
  payloadText: string;
  payloadSha256: string;
  requestedByName: string;
  /** Why it waits. */
  reason: string;
  /** Values that came from outside, and from where (RULES T2). */
  origins: { path: string; origin: string }[];
  requesterMayDecide: boolean;
  /** Who changed the arguments since it was asked (RULES A4). */
  editedByNames: string[];
  /** The payload as it was first asked; null when nothing was edited. */
  originalPayloadText: string | null;
  /** "Bo joined 3 hours ago": members and keys younger than 24 h that could decide (RULES A3). */
  newcomers: string[];
  status: ApprovalStatus;
  decidedByName: string | null;
  decidedAt: Date | null;
  comment: string | null;
  expiresAt: Date;
}

export interface ApprovalCard extends ApprovalFacts {
  budget: ChatBudget;
  /** Where the full view is; null when the platform shows it itself. */
  panelUrl: string | null;
  /** The reader has opened the full view, so a cut card may be approved. */
  isViewed?: boolean;
}

const TITLES: Record<ApprovalStatus, string> = {
  pending: 'Approval needed',
  approved: 'Approved',
  denied: 'Denied',
  expired: 'Expired',
  cancelled: 'Cancelled',
  superseded: 'Replaced by an edit',
};
const FIELDS_PER_BLOCK = 10;
const OTHER_BLOCKS = 12;
const TITLE_LENGTH = 140;
const LINE_LENGTH = 600;

/** The card of an approval, pending or decided, rendered from the canonical payload. Names, titles and notes are literal text, never markup. */
export function approvalCard(card: ApprovalCard): Outgoing {
  const title = `${TITLES[card.status]}: ${line(card.summary, TITLE_LENGTH)}`;
  const { blocks, isCut } = payloadBlocks(card);
  return {
    key: `approval:${card.id}`,
    title,
    blocks: [...blocks, ...warnings(card), ...(card.status === 'pending' ? ask(card, isCut) : [decision(card)])],
    fallback: `${title} (asked by ${line(card.requestedByName, 80)})`,
    subject: { kind: 'approval', id: card.id },
  };
}

/** Whether the card of this payload leaves anything out, so that the full view must come first (RULES A1). */
export const isCardCut = (card: ApprovalCard): boolean => payloadBlocks(card).isCut;

function payloadBlocks(card: ApprovalCard): { blocks: Block[]; isCut: boolean } {
  const payload = readPayload(card.payloadText);
  const { budget } = card;
  const room = { fieldLength: budget.fieldLength, items: Math.max(1, budget.blocks - OTHER_BLOCKS) * FIELDS_PER_BLOCK };
  const target = fitItems(targetItems(payload), { ...room, textLength: budget.textLength / 4 });
  const rest = fitItems(requestItems(payload), { ...room, textLength: budget.textLength / 4 });
  const used = [...target.shown, ...rest.shown].reduce((sum, item) => sum + item.name.length + item.value.length, 0);
  const edit = editItems(card);
  const changes = fitItems(edit, { ...room, textLength: budget.textLength / 4 });
  const items = argumentItems(payload);
  const args = fitItems(items, { ...room, textLength: budget.textLength - used });
  return {
    blocks: [
      ...fieldBlocks([...why(card), ...target.shown]),
      { kind: 'markdown', text: items.length === 0 ? '**No arguments**' : '**Arguments**' },
      ...fieldBlocks(args.shown),
      ...(edit.length === 0
        ? []
        : [{ kind: 'markdown' as const, text: '**Changed since it was asked**' }, ...fieldBlocks(changes.shown)]),
      { kind: 'markdown', text: '**Bound with them**' },
      ...fieldBlocks([...rest.shown, ...bound(card)]),
    ],
    isCut: target.isCut || rest.isCut || args.isCut || changes.isCut,
  };
}

const why = (card: ApprovalCard): Item[] => [
  { name: 'Asked by', value: line(card.requestedByName, 80) },
  ...(card.editedByNames.length === 0 ? [] : [{ name: 'Edited by', value: editors(card) }]),
  { name: 'Why it waits', value: line(card.reason, LINE_LENGTH) },
];
const editors = (card: ApprovalCard): string => line([...new Set(card.editedByNames)].join(', '), LINE_LENGTH);

/** What an edit did, old → new (RULES A4). */
function editItems({ originalPayloadText, payloadText }: ApprovalCard): Item[] {
  if (originalPayloadText === null) return [];
  return changedItems(readPayload(originalPayloadText), readPayload(payloadText));
}

const bound = (card: ApprovalCard): Item[] => [
  { name: 'Payload', value: `sha256 ${card.payloadSha256.slice(0, 12)}` },
  { name: 'Expires', value: formatTime(card.expiresAt) },
];

function fieldBlocks(items: Item[]): Block[] {
  const count = Math.ceil(items.length / FIELDS_PER_BLOCK);
  return Array.from({ length: count }, (_, index) => ({
    kind: 'fields' as const,
    items: items.slice(index * FIELDS_PER_BLOCK, (index + 1) * FIELDS_PER_BLOCK),
  }));
}

function warnings(card: ApprovalCard): Block[] {
  const origins = card.origins.map(
    ({ path, origin }) => `${line(path, 120) || 'This call'} comes from outside: ${line(origin, 300)}`,
  );
  const texts = [
    ...(origins.length > 0 ? [joined(origins)] : []),
    ...(card.newcomers.length > 0 ? [joined(card.newcomers.map((text) => line(text, 200)))] : []),
    ...(card.requesterMayDecide ? [alone(card)] : []),
  ];
  return texts.map((text) => ({ kind: 'note', tone: 'warning', text }));
}

const alone = ({ editedByNames }: ApprovalCard): string =>
  `You are the only person in this org, so you may approve your own request${editedByNames.length > 0 ? ', edited by yourself' : ''}.`;

function ask(card: ApprovalCard, isCut: boolean): Block[] {
  const isOff = isCut && card.isViewed !== true;
  return [
    ...(isOff
      ? [
          {
            kind: 'note' as const,
            tone: 'warning' as const,
            text: 'Some values are too long for this card. Open the full view, then you can approve.',
          },
        ]
      : []),
    {
      kind: 'buttons',
      items: [
        { id: `approve:${card.id}`, label: 'Approve', style: 'primary', ...(isOff ? { disabled: true } : {}) },
        { id: `deny:${card.id}`, label: 'Deny', style: 'danger' },
        {
          id: `view:${card.id}`,
          label: 'View full payload',
          ...(card.panelUrl === null ? {} : { url: card.panelUrl }),
        },
      ],
    },
  ];
}

function decision(card: ApprovalCard): Block {
  const who = card.decidedByName === null ? '' : ` by ${line(card.decidedByName, 80)}`;
  const when = card.decidedAt === null ? '' : ` on ${formatTime(card.decidedAt)}`;
  const why = card.comment ? `. They said: ${line(card.comment, LINE_LENGTH)}` : '';
  return {
    kind: 'note',
    tone: card.status === 'approved' ? 'good' : 'bad',
    text: `${TITLES[card.status]}${who}${when}${why}`,
  };
}

const line = (text: string, max: number): string => cut(escapeInvisible(text), max).toWellFormed();
const joined = (lines: string[]): string => lines.slice(0, 10).join('\n');
