import { expect, test } from 'vitest';
import type { JsonObject, Payload } from '#core/tools.ts';
import { calculator } from './calculator.ts';

const [evaluate] = calculator.actions({}, { name: 'Calculator', isTrusted: false });

async function run(expression: string) {
  const context = {
    fetch: () => Promise.reject(new Error('no calls')),
    settings: {},
    credential: { type: 'none' },
    idempotencyKey: null,
    signal: new AbortController().signal,
  };
  const payload: Payload = {
    v: 1,
    tool: 'calc_evaluate',
    connection: null,
    request: null,
    arguments: evaluate?.parse({ expression }) as JsonObject,
    attachments: [],
    schemaSha256: '',
    policyVersion: 1,
  };
  return (await evaluate?.run(context, payload))?.output;
}

test.for([
  ['(1200 - 85) / 4', '278.75'],
  ['0.1 + 0.2', '0.3'],
  ['round(240 * 17.5%, 2)', '42'],
  ['5 km to mile', '3.1068559611867 mile'],
  ['sum([1, 2, 3]) + max(4, 5)', '11'],
  ['2 ^ 10 > 1000 ? 1 : 0', '1'],
  ['-3!', '-6'],
] as const)('%s is %s', async ([expression, result]) => {
  await expect(run(expression)).resolves.toEqual({ result });
});

test.for([
  '',
  'x'.repeat(501),
  '1 +',
  'import({a: 1})',
  'createUnit("x")',
  'evaluate("1")',
  'parse("1")',
  'simplify("1")',
  'derivative("x^2", "x")',
  'config({})',
  'a = 1',
  'f(x) = x',
  '1; 2',
  '"text"',
  'cos.constructor',
  'cos.constructor("return 1")()',
  '{a: 1}',
  'constructor',
  'toString()',
  '1:1e9',
  'ones(1e5, 1e5)',
  'range(1, 1e9)',
  'combinations(1e9, 5e8)',
  '[1, 2] ^ 1e9',
  '[[1]] * [[2]]',
  'sum([[1, 2], [3, 4]])',
  'random()',
  'sum(round([1.2, 2.7]))',
  'max(pow([[1, 1], [1, 1]], 1e9))',
  'map([1], f(x) = x)',
  '1 / 0',
  '0 / 0',
  '9 ^ 9 ^ 9 ^ 9',
  '171!',
  'sqrt(-1)',
  'pi km + i',
  '('.repeat(400),
  `1${'!'.repeat(450)}x`,
])('%j is refused at once, with a sentence', async (expression) => {
  const started = Date.now();
  await expect(run(expression)).rejects.toMatchObject({ name: 'UserError', status: 422, field: 'expression' });
  expect(Date.now() - started).toBeLessThan(2_000);
});

test('the calculator is a read whose answer is ours', () => {
  expect(evaluate).toMatchObject({ effect: 'read', isResultOutside: false, isDescriptionOutside: false });
});
