import { z } from 'zod';
import { action, defineConnector } from './connector.ts';

/** Sums without a model's guesses: 17.5 % of 240, (1200 - 85) / 3, 5 km to mile. */
export const calculator = defineConnector({
  id: 'calculator',
  title: 'Calculator',
  description: 'Works out arithmetic, percentages and units, here, without calling anyone.',
  credential: z.strictObject({ type: z.literal('none') }).default({ type: 'none' }),
  actions: {
    evaluate: action({
      description:
        'Evaluates one arithmetic expression and returns the result. Numbers, + - * / ^ %, brackets, comparisons, units ("5 km to mile"), pi, e and functions such as sqrt, round, sum, mean, min, max.',
      effect: 'read',
      input: z.strictObject({
        expression: z
          .string()
          .trim()
          .min(1, 'must not be empty')
          .max(500, 'must be at most 500 characters')
          .describe('For example: round(240 * 17.5%, 2)'),
      }),
      output: z.object({ result: z.string() }),
      isResultOutside: false,
      preview: ({ expression }) => `Calculate ${expression}`,
      run: async (_context, { expression }) => {
        // mathjs takes most of a second to load: only those who calculate wait for it.
        const { calculate } = await import('./calculator/calculate.ts');
        return { output: { result: calculate(expression) } };
      },
    }),
  },
});
