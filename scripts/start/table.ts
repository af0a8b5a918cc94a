import type { Config } from '#core/config.ts';
import type { RunningProduct } from './product.ts';

/** What is connected, and what turns on the rest. */
export function describeProduct(config: Config, product: RunningProduct): string {
  const rows: [string, string, string][] = [
    ['Database', product.database, config.DATABASE_URL ? '' : 'DATABASE_URL for your own'],
    ['Temporal', product.temporal, config.TEMPORAL_ADDRESS ? '' : 'TEMPORAL_ADDRESS for your own'],
    [
      'Model',
      product.model,
      product.model.startsWith('rules') ? 'ANTHROPIC_API_KEY, OPENAI_API_KEY or GEMINI_API_KEY' : '',
    ],
    ['Slack', 'off', 'arrives with a later version'],
    ['Discord', 'off', 'arrives with a later version'],
    ['Gmail', 'off', 'arrives with a later version'],
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map(([name, state, hint]) =>
    `  ${name.padEnd(widths[0] ?? 0)}  ${state.padEnd(widths[1] ?? 0)}  ${hint}`.trimEnd(),
  );
  const where = product.url ? [`Abetworks is ready: ${product.url}`, ...signIn(product)] : ['Abetworks is ready.'];
  return ['', ...where, '', ...table, '', 'Ctrl-C stops it.', ''].join('\n');
}

function signIn({ seeded, url }: RunningProduct): string[] {
  if (seeded.signInLink)
    return [
      `Open this link once to choose your password (${seeded.ownerEmail}, valid 48 hours):`,
      `  ${seeded.signInLink}`,
    ];
  return [`Sign in as ${seeded.ownerEmail} at ${url}/sign-in`];
}
