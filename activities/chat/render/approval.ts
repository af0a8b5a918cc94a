import type { Block, Button, Outgoing } from '#core/chat.ts';
import { cut, escapeInvisible } from '#core/text.ts';
import type { ActionEffect } from '#core/tools.ts';
import { type CardBudget, fitItems, fitLines, smaller } from './budget.ts';
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
  /** What the action is declared to do; left out: unknown. */
  effect?: ActionEffect | null;
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
  budget: CardBudget;
  /** Where the full view is; null when the platform shows it itself. */
  panelUrl: string | null;
  /** The same request in the panel, when the full view is not there. */
  openUrl?: string;
  /** The platform has a form to change the arguments. */
  canEdit?: boolean;
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
const lineLength = ({ budget }: ApprovalCard, most = LINE_LENGTH): number => Math.min(most, budget.fieldLength);
const RISKS: Record<ActionEffect, string> = {
  read: 'Reads only, changes nothing',
  write: 'Changes something outside',
  destructive: 'Deletes or overwrites: it may be impossible to undo',
};

/** The card of an approval, pending or decided, rendered from the canonical payload. Names, titles and notes are literal text, never markup. */
export const approvalCard = (card: ApprovalCard): Outgoing => fitted(card).outgoing;

/** Whether the card of this payload leaves anything out, so that the full view must come first (RULES A1). */
export const isCardCut = (card: ApprovalCard): boolean => fitted(card).isCut;

function fitted(card: ApprovalCard): { outgoing: Outgoing; isCut: boolean } {
  const drawn = draw(card);
  const next = card.budget.fits?.(drawn.outgoing) === false ? smaller(card.budget) : null;
  return next ? fitted({ ...card, budget: next }) : drawn;
}

function draw(card: ApprovalCard): { outgoing: Outgoing; isCut: boolean } {
  const title = `${TITLES[card.status]}: ${line(card.summary, TITLE_LENGTH)}`;
  const payload = payloadBlocks(card);
  const origins = originNote(card);
  const isCut = payload.isCut || origins.isCut;
  const end = card.status === 'pending' ? ask(card, isCut) : [decision(card)];
  return {
    outgoing: {
      key: `approval:${card.id}`,
      title,
      blocks: [...payload.blocks, ...origins.blocks, ...warnings(card), ...end],
      fallback: `${title} (asked by ${line(card.requestedByName, 80)})`,
      subject: { kind: 'approval', id: card.id },
    },
    isCut,
  };
}

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
  { name: 'Why it waits', value: line(card.reason, lineLength(card)) },
  ...(card.effect ? [{ name: 'Risk', value: RISKS[card.effect] }] : []),
];
const editors = (card: ApprovalCard): string => line([...new Set(card.editedByNames)].join(', '), lineLength(card));

/** What an edit did, old → new (RULES A4). */
function editItems({ originalPayloadText, payloadText }: ApprovalCard): Item[] {
  if (originalPayloadText === null) return [];
  return changedItems(readPayload(originalPayloadText), readPayload(payloadText));
}

const bound = (card: ApprovalCard): Item[] => [
  { name: 'Payload', value: `sha256 ${card.payloadSha256.slice(0, 12)}` },
  { name: 'Expires', value: formatTime(card.expiresAt), at: card.expiresAt.getTime() },
];

function fieldBlocks(items: Item[]): Block[] {
  const count = Math.ceil(items.length / FIELDS_PER_BLOCK);
  return Array.from({ length: count }, (_, index) => ({
    kind: 'fields' as const,
    items: items.slice(index * FIELDS_PER_BLOCK, (index + 1) * FIELDS_PER_BLOCK),
  }));
}

/** Where values came from (RULES T2): what is missing of it is cut like any value. */
function originNote(card: ApprovalCard): { blocks: Block[]; isCut: boolean } {
  const lines = card.origins.map(
    ({ path, origin }) =>
      `${line(path, lineLength(card, 120)) || 'This call'} comes from outside: ${line(origin, lineLength(card, 300))}`,
  );
  const { text, isCut } = fitLines(lines, card.budget.textLength / 4);
  return { blocks: text === '' ? [] : [{ kind: 'note', tone: 'warning', text }], isCut };
}

function warnings(card: ApprovalCard): Block[] {
  const newcomers = card.newcomers.map((text) => line(text, lineLength(card, 200)));
  const texts = [
    ...(newcomers.length > 0 ? [fitLines(newcomers, card.budget.textLength / 8).text] : []),
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
    { kind: 'buttons', items: [approveButton(card, isOff), denyButton(card), ...moreButtons(card)] },
  ];
}

const approveButton = (card: ApprovalCard, isOff: boolean): Button => ({
  id: `approve:${card.id}`,
  label: 'Approve',
  style: card.effect === 'destructive' ? 'danger' : 'primary',
  ...(isOff ? { disabled: true } : {}),
  ...(card.effect === 'destructive'
    ? {
        confirm: {
          title: 'This may be impossible to undo',
          text: `It deletes or overwrites: ${line(card.summary, TITLE_LENGTH)}`,
          label: 'Approve it',
        },
      }
    : {}),
});

// Beside an Approve that is red, a red Deny would say nothing.
const denyButton = (card: ApprovalCard): Button => ({
  id: `deny:${card.id}`,
  label: 'Deny',
  ...(card.effect === 'destructive' ? {} : { style: 'danger' as const }),
});

const moreButtons = ({ id, canEdit, panelUrl, openUrl }: ApprovalCard): Button[] => [
  ...(canEdit ? [{ id: `edit:${id}`, label: 'Edit' }] : []),
  { id: `view:${id}`, label: 'View full payload', ...(panelUrl === null ? {} : { url: panelUrl }) },
  ...(openUrl === undefined ? [] : [{ id: 'panel', label: 'Open in the panel', url: openUrl }]),
];

function decision(card: ApprovalCard): Block {
  const who = card.decidedByName === null ? '' : ` by ${line(card.decidedByName, 80)}`;
  const when = card.decidedAt === null ? '' : ` on ${formatTime(card.decidedAt)}`;
  const why = card.comment ? `. They said: ${line(card.comment, lineLength(card))}` : '';
  return {
    kind: 'note',
    tone: card.status === 'approved' ? 'good' : 'bad',
    text: `${TITLES[card.status]}${who}${when}${why}`,
  };
}

const line = (text: string, max: number): string => cut(escapeInvisible(text), max).toWellFormed();
