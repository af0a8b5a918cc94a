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
    slackRow(config),
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

/** How Slack is heard, and whose tokens speak. */
function slackRow(config: Config): [string, string, string] {
  const hears = [
    ...(config.SLACK_SIGNING_SECRET ? [`${config.publicUrl}/slack/events`] : []),
    ...(config.SLACK_APP_TOKEN ? ['Socket Mode'] : []),
  ].join(' and ');
  if (!hears) return ['Slack', 'off', 'npm run slack:manifest, then docs/slack.md'];
  const isUsable = Boolean(config.SLACK_BOT_TOKEN ?? config.SLACK_CLIENT_ID);
  return ['Slack', hears, isUsable ? '' : 'SLACK_BOT_TOKEN, or SLACK_CLIENT_ID and SLACK_CLIENT_SECRET'];
}

function signIn({ seeded, url }: RunningProduct): string[] {
  if (seeded.signInLink)
    return [
      `Open this link once to choose your password (${seeded.ownerEmail}, valid 48 hours):`,
      `  ${seeded.signInLink}`,
    ];
  return [`Sign in as ${seeded.ownerEmail} at ${url}/sign-in`];
}
