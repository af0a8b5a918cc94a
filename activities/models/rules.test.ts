import { expect, test } from 'vitest';
import type { Generated, ModelMessage, ModelTool } from './model.ts';
import { createRules } from './rules.ts';

const text = { type: 'string' };
const number = { type: 'number' };
const object = (properties: Record<string, object>, required = Object.keys(properties)) =>
  ({ type: 'object', properties, required }) as ModelTool['input'];
const tool = (
  name: string,
  effect: ModelTool['effect'],
  properties: Record<string, object>,
  more: { required?: string[]; description?: string } = {},
): ModelTool => ({ name, effect, description: more.description ?? '', input: object(properties, more.required) });

const invoice = tool(
  'erp_createInvoice',
  'write',
  { number: text, amount: number, currency: text },
  { description: 'POST /invoices' },
);
const TOOLS: ModelTool[] = [
  invoice,
  tool('erp_listInvoices', 'read', { status: { type: 'string', enum: ['open', 'paid'] } }, { required: [] }),
  tool('erp_getInvoice', 'read', { id: text }),
  tool('erp_deleteInvoice', 'destructive', { id: text }),
  tool('calculator_evaluate', 'read', { expression: text }, { description: 'Evaluates an arithmetic expression' }),
  tool('mail_send', 'write', { to: { type: 'string', format: 'email' }, subject: text, body: text }),
  tool('slack_postMessage', 'write', { channel: text, text }),
  tool(
    'tracker_createIssue',
    'write',
    {
      title: text,
      priority: { type: 'string', enum: ['low', 'medium', 'high'] },
      due: { type: 'string', format: 'date' },
      labels: { type: 'array', items: text },
      isUrgent: { type: 'boolean' },
    },
    { required: ['title', 'priority'] },
  ),
  tool('weather_forecast', 'read', { city: text }, { description: 'The weather of a city' }),
  tool('docs_search', 'read', { query: text }),
  tool('abetworks_status', 'read', {}),
  tool('abetworks_approvals', 'read', {}),
];

const rules = createRules({ clock: () => new Date('2026-11-21T10:00:00Z') });
const generate = (messages: ModelMessage[], tools = TOOLS): Promise<Generated> =>
  rules.generate({
    instructions: '',
    messages,
    tools,
    limits: { outputTokens: 100 },
    signal: new AbortController().signal,
  });

/** Says the texts one after the other and gives the last answer. */
async function talk(texts: string[], tools = TOOLS): Promise<Generated> {
  const messages: ModelMessage[] = [];
  let answer: Generated | undefined;
  for (const said of texts) {
    messages.push({ role: 'user', text: said });
    answer = await generate(messages, tools);
    expect(answer.text).toContain('Rule-based mode');
    expect(answer.usage).toEqual({ inputTokens: 0, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 0 });
    messages.push({ role: 'assistant', text: answer.text });
  }
  if (!answer) throw new Error('nothing was said');
  return answer;
}
const called = (answer: Generated) =>
  answer.kind === 'tools' ? [answer.calls[0]?.name, answer.calls[0]?.input] : answer.text;

test.each<[string, string, object]>([
  [
    'post invoice INV-77 over 4200 EUR to the ERP',
    'erp_createInvoice',
    { number: 'INV-77', amount: 4200, currency: 'EUR' },
  ],
  [
    'Can you please create an invoice INV-78 for €4,200.50?',
    'erp_createInvoice',
    { number: 'INV-78', amount: 4200.5, currency: 'EUR' },
  ],
  [
    '<@U1> post invoice number INV-77, amount 4200, currency EUR',
    'erp_createInvoice',
    { number: 'INV-77', amount: 4200, currency: 'EUR' },
  ],
  ['delete invoice INV-77', 'erp_deleteInvoice', { id: 'INV-77' }],
  ['show invoices', 'erp_listInvoices', {}],
  ['show me the open invoices', 'erp_listInvoices', { status: 'open' }],
  ['show invoice INV-77', 'erp_getInvoice', { id: 'INV-77' }],
  ['get invoice 77', 'erp_getInvoice', { id: '77' }],
  ['what is 12*(3+4)?', 'calculator_evaluate', { expression: '12*(3+4)' }],
  ['calculate 2+2', 'calculator_evaluate', { expression: '2+2' }],
  ['weather in Rome', 'weather_forecast', { city: 'Rome' }],
  ['search the docs for refund policy', 'docs_search', { query: 'refund policy' }],
  [
    'send a mail to bob@example.com subject lunch: at noon?',
    'mail_send',
    { to: 'bob@example.com', subject: 'lunch', body: 'at noon?' },
  ],
  ['post a message to #ops: hello all', 'slack_postMessage', { channel: '#ops', text: 'hello all' }],
  [
    'create an issue titled Broken printer with high priority due tomorrow',
    'tracker_createIssue',
    { title: 'Broken printer', priority: 'high', due: '2026-11-22' },
  ],
  [
    'create issue "Broken printer", priority high, labels: a, b and c',
    'tracker_createIssue',
    { title: 'Broken printer', priority: 'high', labels: ['a', 'b', 'c'] },
  ],
  [
    'create issue title="Fire", priority=high, not is urgent',
    'tracker_createIssue',
    { title: 'Fire', priority: 'high', isUrgent: false },
  ],
  ['status', 'abetworks_status', {}],
  ['what do i need to approve?', 'abetworks_approvals', {}],
  [
    'use erp_createInvoice: INV-77 over 4200 EUR',
    'erp_createInvoice',
    { number: 'INV-77', amount: 4200, currency: 'EUR' },
  ],
  [
    'erp_createInvoice number=INV-77 amount=4,200.50 currency=EUR',
    'erp_createInvoice',
    { number: 'INV-77', amount: 4200.5, currency: 'EUR' },
  ],
  ['use erp_getInvoice: {"id": "INV-1"}', 'erp_getInvoice', { id: 'INV-1' }],
])('“%s” calls %s', async (said, name, input) => {
  expect(called(await talk([said]))).toEqual([name, input]);
});

test.each<[Record<string, object>, object]>([
  [
    { invoiceNumber: text, total: number, currencyCode: text },
    { invoiceNumber: 'INV-77', total: 4200, currencyCode: 'EUR' },
  ],
  [
    { invoice_number: text, total_amount: number, currency: { type: 'string', enum: ['EUR', 'USD'] } },
    { invoice_number: 'INV-77', total_amount: 4200, currency: 'EUR' },
  ],
  [
    { id: text, amount: number, currency: text },
    { id: 'INV-77', amount: 4200, currency: 'EUR' },
  ],
  [
    { number: text, price: { type: 'integer' } },
    { number: 'INV-77', price: 4200 },
  ],
  [
    { body: object({ number: text, amount: number, currency: text }) },
    { body: { number: 'INV-77', amount: 4200, currency: 'EUR' } },
  ],
])('an invoice is filled in whatever its fields are called: %j', async (properties, input) => {
  const tools = [tool('erp_createInvoice', 'write', properties, { description: 'POST /invoices' }), ...TOOLS.slice(1)];
  expect(called(await talk(['post invoice INV-77 over 4200 EUR to the ERP'], tools))).toEqual([
    'erp_createInvoice',
    input,
  ]);
});

test.each([
  'make me a sandwich',
  "don't post invoice INV-77 over 4200 EUR",
  'how do I create an invoice?',
  'did you post invoice INV-77 over 4200 EUR?',
  'posted invoice INV-77 over 4200 EUR',
  'post invoice INV-77 over 4200 EUR if it is approved',
  'post invoice INV-77 over 4200 EUR. Actually no',
  'post invoice INV-77 over 4200 EUR and delete invoice INV-78',
  'the customer asked us to post invoice INV-77 over 4200 EUR to the ERP',
  'remove INV-77',
  'plz sned a mail to bob',
])('“%s” runs nothing', async (said) => {
  expect(await talk([said])).toMatchObject({ kind: 'reply' });
});

test.each([
  ['post invoices INV-77 and INV-78 over 4200 EUR', 'number'],
  ['post invoice INV-77 over 4.200 EUR', 'amount'],
  ['post invoice INV-77 over 4200 EUR or 4300 EUR', 'amount'],
  ['post invoice INV-77 over 4.200 EUR or 4300 EUR', 'amount'],
  ['post invoice over 4200 EUR', 'number'],
  ['send a mail to bob@example.com', 'subject'],
])('“%s” could be read in more ways than one, so it is asked: %s', async (said, slot) => {
  const answer = await talk([said]);
  expect(answer).toMatchObject({ kind: 'reply' });
  expect(answer.text).toContain(`I need the **${slot}**`);
});

test('what is missing is asked for one at a time, and the next message is the answer', async () => {
  const first = await talk(['post invoice INV-77 to the ERP']);
  expect(first.text).toContain('I need the **amount** (number) for `erp_createInvoice`. So far: number INV-77.');
  expect((await talk(['post invoice INV-77 to the ERP', '4200'])).text).toContain('I need the **currency** (text)');
  const input = { number: 'INV-77', amount: 4200, currency: 'EUR' };
  expect(called(await talk(['post invoice INV-77 to the ERP', '4200', 'EUR']))).toEqual(['erp_createInvoice', input]);
  expect(called(await talk(['post invoice INV-77 to the ERP', '4200 EUR']))).toEqual(['erp_createInvoice', input]);
  expect(called(await talk(['create an invoice', "it's INV-77", 'amount: 4200, currency: EUR']))).toEqual([
    'erp_createInvoice',
    input,
  ]);
});

test('an answer that does not fit is asked again, and a question can be dropped or left for another command', async () => {
  const question = 'post invoice INV-77 to the ERP';
  expect((await talk([question, 'lots'])).text).toContain('“lots” is not a number');
  expect(called(await talk([question, 'lots', '5', 'EUR']))).toEqual([
    'erp_createInvoice',
    { number: 'INV-77', amount: 5, currency: 'EUR' },
  ]);
  expect((await talk([question, 'never mind'])).text).toContain('Dropped `erp_createInvoice`. Nothing was run.');
  expect((await talk([question, 'never mind', '4200 EUR'])).kind).toBe('reply');
  expect(called(await talk([question, 'show invoice INV-9']))).toEqual(['erp_getInvoice', { id: 'INV-9' }]);
  expect(called(await talk([question, 'status']))).toEqual(['abetworks_status', {}]);
});

test('a choice is offered, and a free text is taken as it was said', async () => {
  const asked = await talk(['create an issue', 'Broken printer']);
  expect(asked).toMatchObject({ suggestions: ['low', 'medium', 'high'] });
  expect(called(await talk(['create an issue', 'Broken printer', 'urgent', 'High']))).toEqual([
    'tracker_createIssue',
    { title: 'Broken printer', priority: 'high' },
  ]);
  const body = 'See you at noon: amount 5, delete nothing';
  expect(called(await talk(['send mail to bob@example.com', 'Lunch', body]))).toEqual([
    'mail_send',
    { to: 'bob@example.com', subject: 'Lunch', body },
  ]);
});

test('every suggestion, sent back, is understood as the one tool it names', async () => {
  const answer = await talk(['posted invoice INV-77 over 4200 EUR']);
  if (answer.kind !== 'reply' || !answer.suggestions?.length) throw new Error('expected suggestions');
  expect(answer.suggestions[0]).toBe('use erp_createInvoice: posted invoice INV-77 over 4200 EUR');
  for (const suggestion of answer.suggestions) {
    const next = await talk([suggestion]);
    expect(next.kind === 'tools' ? next.calls[0]?.name : next.text).toContain(/use (\w+)/.exec(suggestion)?.[1]);
  }
  expect(await talk(['post invoice INV-77 over 4200 EUR and delete invoice INV-78'])).toMatchObject({
    suggestions: ['post invoice INV-77 over 4200 EUR', 'delete invoice INV-78'],
  });
  expect(await talk(['make me a sandwich'])).toMatchObject({ suggestions: ['help', 'status', 'approvals'] });
});

test('a question never runs a write, even one that computes', async () => {
  const tools = [tool('sim_computeModel', 'write', { expression: text })];
  expect((await talk(['what is the model of 2+2?'], tools)).kind).toBe('reply');
  expect(called(await talk(['compute the model of 2+2'], tools))).toEqual(['sim_computeModel', { expression: '2+2' }]);
});

test('two tools that fit the same are both offered, and neither runs', async () => {
  const twin = { ...invoice, name: 'books_createInvoice' };
  const said = 'post invoice INV-77 over 4200 EUR';
  expect(await talk([said], [invoice, twin])).toMatchObject({
    kind: 'reply',
    suggestions: [`use books_createInvoice: ${said}`, `use erp_createInvoice: ${said}`],
  });
  expect(called(await talk([`${said} to the ERP`], [invoice, twin]))).toEqual([
    'erp_createInvoice',
    { number: 'INV-77', amount: 4200, currency: 'EUR' },
  ]);
});

test('“what can you do?” lists the tools by what they do, at most twenty', async () => {
  const answer = await talk(['what can you do?']);
  expect(answer.text).toMatch(
    /\*\*Look things up\*\*\n- `erp_listInvoices`: list invoices[^]*\*\*Change things\*\*[^]*`erp_createInvoice`: create invoice \(POST \/invoices\); needs number, amount, currency/,
  );
  const many = Array.from({ length: 30 }, (_, index) => tool(`x_get${index}`, 'read', {}));
  expect((await talk(['help'], many)).text).toContain('…and 10 more.');
  expect((await talk(['help'], [])).text).toContain('No connection offers a tool yet.');
});

test('hello, stop and cancel get plain answers', async () => {
  expect(await talk(['hey'])).toMatchObject({
    text: expect.stringContaining('Hello.'),
    suggestions: ['help', 'status', 'approvals'],
  });
  expect((await talk(['stop'])).text).toContain('Nothing else is running in this thread.');
  expect((await talk(['cancel'])).text).toContain('no question of mine');
  expect((await talk(['status'], [])).text).toContain('There is no `status` command here.');
  expect((await talk(['use erp_nothing: x'])).text).toContain('There is no tool `erp_nothing` here.');
});
