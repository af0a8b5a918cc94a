import * as fc from 'fast-check';
import canonicalize from 'canonicalize';
import { expect, test } from 'vitest';
import type { Button, Outgoing } from '#core/chat.ts';
import { sha256 } from '#core/hash.ts';
import { unescapeInvisible } from '#core/text.ts';
import type { Json, JsonObject } from '#core/tools.ts';
import { type ApprovalCard, approvalCard, isCardCut } from './approval.ts';
import { NO_BUDGET, WEB_BUDGET } from './budget.ts';
import { toHtml } from './html.ts';
import { leaves } from './leaves.ts';

const SMALL = { textLength: 600, blocks: 20, buttons: 5, fieldLength: 60 };

function cardOf(args: JsonObject, over: Partial<ApprovalCard> = {}, request: JsonObject | null = null): ApprovalCard {
  const payloadText = canonicalize({
    v: 1,
    tool: 'erp_createInvoice',
    connection: { id: 'c1', name: 'ERP', settingsVersion: 3 },
    request,
    arguments: args,
    attachments: [],
    schemaSha256: 'ab',
    policyVersion: 1,
  });
  if (payloadText === undefined) throw new Error('no payload');
  return {
    id: '019aa',
    summary: 'Create invoice INV-77',
    payloadText,
    payloadSha256: sha256(payloadText),
    requestedByName: 'Ann',
    reason: 'Writes wait for a decision.',
    origins: [],
    requesterMayDecide: false,
    newcomers: [],
    editedByNames: [],
    originalPayloadText: null,
    status: 'pending',
    decidedByName: null,
    decidedAt: null,
    comment: null,
    expiresAt: new Date('2026-11-22T09:00:00Z'),
    budget: WEB_BUDGET,
    panelUrl: null,
    ...over,
  };
}

const buttonsOf = (card: Outgoing): Button[] =>
  card.blocks.flatMap((block) => (block.kind === 'buttons' ? block.items : []));
const itemsOf = (card: Outgoing) => card.blocks.flatMap((block) => (block.kind === 'fields' ? block.items : []));
const approveOf = (card: Outgoing) => buttonsOf(card).find(({ id }) => id.startsWith('approve:'));
const notesOf = (card: Outgoing) => card.blocks.flatMap((block) => (block.kind === 'note' ? [block.text] : []));

/** The arguments as a reader of the card could write them down again. */
function readBack(card: Outgoing): { path: string; value: Json }[] {
  const [start, end] = card.blocks.flatMap((block, index) => (block.kind === 'markdown' ? [index] : []));
  return itemsOf({ ...card, blocks: card.blocks.slice(start, end) }).map(({ name, value }) => ({
    path: unescapeInvisible(name),
    value: readShown(value),
  }));
}
function readShown(shown: string): Json {
  const text = shown
    .split('↵\n')
    .map((line) => unescapeInvisible(line))
    .join('\n');
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

const nasty = fc.constantFrom(
  '\u202E',
  '\u200B',
  '\n',
  '↵',
  '\\',
  '"',
  '5',
  'true',
  ' ',
  '<script>',
  '![x](http://a.b/c.png)',
  '[a](http://evil.example)',
  '💥',
  '`',
  '_',
  '\u00a0',
  '\r',
  '\t',
);
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(nasty, { maxLength: 6 }).map((parts) => parts.join('')),
);
const key = fc.oneof(fc.constantFrom('amount', 'a.b', '', '__proto__', 'Tool', 'x]', '\u202Ex'), text);
const value: fc.Arbitrary<Json> = fc.letrec<{ any: Json }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('any'), { maxLength: 3 }),
    fc.array(fc.tuple(key, tie('any')), { maxLength: 3 }).map((entries) => ownObject(entries)),
  ),
})).any;
/** Object.fromEntries defines, so a key `__proto__` is an ordinary one, as JSON.parse makes it. */
const ownObject = (entries: [string, Json][]): JsonObject => Object.fromEntries(entries);
const args = fc.array(fc.tuple(key, value), { maxLength: 5 }).map((entries) => ownObject(entries));

test('A1 whatever the payload, an uncut card gives back every argument exactly, and a cut one cannot be approved', async () => {
  let cuts = 0;
  await fc.assert(
    fc.asyncProperty(args, async (generated) => {
      const whole = approvalCard(cardOf(generated, { budget: NO_BUDGET }));
      const stored = (JSON.parse(cardOf(generated).payloadText) as { arguments: JsonObject }).arguments;
      const expected = Object.keys(stored).length === 0 ? [] : leaves(stored);
      expect(readBack(whole)).toEqual(expected);
      expect(new Set(expected.map(({ path }) => path)).size).toBe(expected.length);
      expect(approveOf(whole)?.disabled).toBeUndefined();

      const small = approvalCard(cardOf(generated, { budget: SMALL }));
      const isWhole = JSON.stringify(itemsOf(small)) === JSON.stringify(itemsOf(whole));
      expect(approveOf(small)?.disabled === true).toBe(!isWhole);
      if (!isWhole) cuts += 1;

      const page = String(await toHtml(whole, { linkHosts: [] }));
      expect(page).not.toMatch(/<script|<img|<a[\s>]/i);
    }),
    { numRuns: 10_000, seed: 7 },
  );
  expect(cuts).toBeGreaterThan(100);
}, 120_000);

test('A1 a long value says how much is missing, and Approve works once the full view was opened', () => {
  const card = cardOf({ body: 'x'.repeat(3_000) });
  expect(isCardCut(card)).toBe(true);
  expect(itemsOf(approvalCard(card)).find(({ name }) => name === 'body')?.value).toMatch(/… \(1500 more characters\)$/);
  expect(approveOf(approvalCard(card))?.disabled).toBe(true);
  expect(approveOf(approvalCard({ ...card, isViewed: true }))?.disabled).toBeUndefined();
});

test('A1 hosts show in punycode, and the body is named by its hash only when the arguments hold all of it', () => {
  const request = { method: 'POST', url: 'https://аpple.example/invoices', headers: {}, body: '{"amount":5}' };
  const covered = itemsOf(approvalCard(cardOf({ amount: 5, id: 'x' }, {}, request)));
  expect(covered.find(({ name }) => name === 'Request')?.value).toBe('POST https://xn--pple-43d.example/invoices');
  expect(covered.find(({ name }) => name === 'URL as written')?.value).toContain('аpple');
  expect(covered.find(({ name }) => name === 'Request body')?.value).toMatch(/^only values from the arguments/);
  for (const body of ['{"amount":6}', '{"amount":6,"amount":5}', '{"amount":5,"bcc":"x"}']) {
    const shown = itemsOf(approvalCard(cardOf({ amount: 5 }, {}, { ...request, body })));
    expect(shown.find(({ name }) => name === 'Request body')?.value).toBe(body);
  }
});

test('A3 the card says when the requester may decide alone, who is new, and what came from outside', () => {
  const card = approvalCard(
    cardOf(
      { to: 'x@evil.example' },
      {
        requesterMayDecide: true,
        newcomers: ['Bo joined 3 hours ago'],
        origins: [{ path: 'to', origin: 'mail from x@evil.example' }],
      },
    ),
  );
  expect(notesOf(card)).toEqual([
    'to comes from outside: mail from x@evil.example',
    'Bo joined 3 hours ago',
    'You are the only person in this org, so you may approve your own request.',
  ]);
});

test('buttons carry opaque ids only, and go once it is decided', () => {
  expect(buttonsOf(approvalCard(cardOf({ secret: 'abc' }))).map(({ id }) => id)).toEqual([
    'approve:019aa',
    'deny:019aa',
    'view:019aa',
  ]);
  const decided = approvalCard(
    cardOf(
      {},
      { status: 'denied', decidedByName: 'Bo', decidedAt: new Date('2026-11-21T10:00:00Z'), comment: 'Wrong amount' },
    ),
  );
  expect(buttonsOf(decided)).toEqual([]);
  expect(notesOf(decided)).toEqual(['Denied by Bo on 2026-11-21 10:00 UTC. They said: Wrong amount']);
});

const payloadOf = (args: JsonObject): string => cardOf(args).payloadText;

test('A4 an edited request shows who edited and every argument that changed, hidden characters escaped', () => {
  const before = { amount: 4200, note: 'a', tags: ['x', 'y'], text: 'one', same: 1 };
  const after = { amount: 420, note: 'a\u200b', tags: ['x'], text: 'two\nlines', same: 1, added: true, empty: {} };
  const card = approvalCard(
    cardOf(after, { originalPayloadText: payloadOf(before), editedByNames: ['Bo', 'Cy\u202e', 'Bo'] }),
  );
  const items = itemsOf(card);
  expect(items).toContainEqual({ name: 'Edited by', value: 'Bo, Cy\\u{202e}' });
  const at = card.blocks.findIndex((block) => block.kind === 'markdown' && block.text.includes('Changed'));
  expect(card.blocks[at + 1]).toEqual({
    kind: 'fields',
    items: [
      { name: 'amount', value: '4200 → 420' },
      { name: 'note', value: 'a → a\\u{200b}' },
      { name: 'tags[1] (left out)', value: 'y' },
      { name: 'text', value: 'one\n→ two↵\nlines' },
      { name: 'added (added)', value: 'true' },
      { name: 'empty (added)', value: '{}' },
    ],
  });
  expect(isCardCut(cardOf({ a: 'x' }, { originalPayloadText: payloadOf({ a: 'y'.repeat(5_000) }) }))).toBe(true);
});

test('a request that nobody edited says nothing of edits, and one that was replaced says by whom', () => {
  expect(JSON.stringify(approvalCard(cardOf({ a: 1 })))).not.toMatch(/Edited by|Changed since/);
  const decidedAt = new Date('2026-11-21T09:00:00Z');
  const replaced = approvalCard(cardOf({}, { status: 'superseded', decidedByName: 'Bo', decidedAt, comment: 'wrong' }));
  expect(replaced.title).toContain('Replaced by an edit');
  expect(notesOf(replaced)).toEqual(['Replaced by an edit by Bo on 2026-11-21 09:00 UTC. They said: wrong']);
});

test('A3 who is alone is told that they may approve what they edited', () => {
  const alone = approvalCard(cardOf({}, { requesterMayDecide: true, editedByNames: ['Ann'] }));
  expect(notesOf(alone)).toEqual([expect.stringContaining('your own request, edited by yourself')]);
});
