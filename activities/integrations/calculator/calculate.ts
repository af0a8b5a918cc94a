import {
  all,
  create,
  isArrayNode,
  isConstantNode,
  isFunctionNode,
  isOperatorNode,
  isSymbolNode,
  type MathNode,
} from 'mathjs';
import { UserError } from '#core/errors.ts';
import { cut } from '#core/text.ts';

const math = create(all ?? {}, { number: 'number', matrix: 'Array' });
const parse = math.parse.bind(math);
const format = math.format.bind(math);
const isUnitName = math.Unit.isValuelessUnit.bind(math.Unit);

/** What could define, load or look at code is off even if a check below had a hole. */
const OFF =
  'import createUnit evaluate parse compile parser simplify derivative resolve rationalize config chain reviver replacer help'.split(
    ' ',
  );
math.import(Object.fromEntries(OFF.map((name) => [name, () => refuse(`${name} is switched off`)])), { override: true });

/** Each takes constant time, or time in proportion to what is written: an expression of 500 characters cannot ask for more. */
const FUNCTIONS = new Set(
  'abs cbrt ceil exp fix floor hypot log log10 log1p log2 expm1 max mean median min mod pow prod round sign sqrt square cube std sum to variance sin cos tan asin acos atan atan2 sinh cosh tanh factorial unaryMinus'.split(
    ' ',
  ),
);
/** These take a list: sum([1, 2, 3]). Elsewhere a list could multiply work. */
const OVER_LISTS = new Set(['max', 'mean', 'median', 'min', 'prod', 'std', 'sum', 'variance']);
const OPERATORS = new Set(
  'add subtract multiply divide dotMultiply dotDivide mod pow unaryMinus unaryPlus percentage factorial to smaller larger smallerEq largerEq equal unequal and or not xor'.split(
    ' ',
  ),
);
const CONSTANTS = new Set(['pi', 'PI', 'e', 'E', 'tau', 'phi', 'true', 'false']);
const RESULT_LENGTH = 100;

/** The result as text, rounded to 14 digits so that 0.1 + 0.2 is 0.3. Throws `UserError` (field `expression`). */
export function calculate(expression: string): string {
  const node = read(expression);
  check(node, null);
  const result = evaluated(node);
  if (typeof result === 'number' && !Number.isFinite(result))
    refuse(Number.isNaN(result) ? 'has no result' : 'has a result too large to write down, or divides by zero');
  if (typeof result !== 'number' && typeof result !== 'boolean' && !math.isUnit(result))
    refuse('does not give one real number');
  const text = format(result, { precision: 14 });
  return text.length <= RESULT_LENGTH && !/NaN|Infinity/.test(text)
    ? text
    : refuse('has a result too long to write down');
}

function read(expression: string): MathNode {
  try {
    return parse(expression);
  } catch (error) {
    return refuse(`cannot be read: ${reason(error)}`);
  }
}

function evaluated(node: MathNode): unknown {
  try {
    return node.compile().evaluate(new Map());
  } catch (error) {
    if (error instanceof UserError) throw error;
    return refuse(`cannot be worked out: ${reason(error)}`);
  }
}

/** Only what is on the lists above runs; everything else mathjs can do is refused by not being named. */
function check(node: MathNode, parent: MathNode | null): void {
  if (isConstantNode(node)) {
    if (typeof node.value !== 'number' && typeof node.value !== 'boolean') refuse('may hold numbers only, no text');
  } else if (isSymbolNode(node)) {
    if (!CONSTANTS.has(node.name) && !isUnitName(node.name))
      refuse(`holds "${cut(node.name, 50)}", which is not a number, unit or constant`);
  } else if (isOperatorNode(node)) {
    if (!OPERATORS.has(node.fn)) refuse(`holds the operator ${cut(node.op, 10)}, which is not available`);
  } else if (isFunctionNode(node)) {
    checkFunction(node.fn);
  } else if (isArrayNode(node)) {
    if (parent === null || !isFunctionNode(parent) || !OVER_LISTS.has(parent.fn.name))
      refuse('may hold a list only inside sum, mean, min, max and the like');
  } else if (!['ParenthesisNode', 'ConditionalNode', 'RelationalNode'].includes(node.type)) {
    refuse('may only calculate: no assignments, ranges, objects or several lines');
  }
  node.forEach((child, path) => {
    if (!(isFunctionNode(node) && path === 'fn')) check(child, node);
  });
}

function checkFunction(name: MathNode): void {
  if (!isSymbolNode(name) || !FUNCTIONS.has(name.name)) {
    refuse(
      `holds ${isSymbolNode(name) ? `the function "${cut(name.name, 50)}"` : 'a function'}, which is not available. There are: ${[...FUNCTIONS].join(', ')}`,
    );
  }
}

const reason = (error: unknown): string => cut(error instanceof Error ? error.message : String(error), 150);

function refuse(problem: string): never {
  throw new UserError(`expression: ${problem}.`, { status: 422, field: 'expression' });
}
