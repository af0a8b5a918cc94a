import { z } from 'zod';
import { UserError } from './errors.ts';
import { parseKeyRing } from './keys.ts';

// An empty text would be read as 0.
const zWhole = (min: number, max: number, error: string) =>
  z
    .string()
    .regex(/^\s*\d+\s*$/, error)
    .transform(Number)
    .pipe(z.number().min(min, error).max(max, error));
const zPort = zWhole(0, 65_535, 'must be a port number from 1 to 65535');
const zHttpUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' });
const zValue = z.string().trim().min(1, 'is set but empty; unset it or give it a value');
const zFlag = z.enum(['0', '1'], 'must be 0 or 1').transform((flag) => flag === '1');
const zList = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);

const zEnv = z.object({
  NODE_ENV: z.string().optional(),
  PORT: zPort.default(3000),
  HOST: zValue.default('127.0.0.1'),
  PUBLIC_URL: zHttpUrl.optional(),
  ABETWORKS_DATA_DIR: zValue.default('.data'),
  /** Where the workflow bundle is kept; by default in the data folder. */
  ABETWORKS_BUNDLE_DIR: zValue.optional(),
  ABETWORKS_EMBEDDED_DB: zFlag.optional(),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must look like postgres://user:password@host:5432/name' })
    .optional(),
  DATABASE_POOL_MAX: zWhole(2, 100, 'must be a number from 2 to 100').default(10),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d+$/, 'must be host:port')
    .optional(),
  TEMPORAL_NAMESPACE: zValue.default('default'),
  TEMPORAL_CLI_PATH: z.string().optional(),
  ABETWORKS_KEYS: z
    .string()
    .transform((text, context) => {
      try {
        return parseKeyRing(text) && text;
      } catch (error) {
        context.addIssue(error instanceof Error ? error.message.replace('ABETWORKS_KEYS ', '') : 'is malformed');
        return z.NEVER;
      }
    })
    .optional(),
  ABETWORKS_BOOTSTRAP_KEY: z
    .string()
    .regex(/^abw_[A-Za-z0-9_-]{16,200}$/, 'must be abw_ and at least 16 letters, digits, - or _')
    .optional(),
  ABETWORKS_OWNER_EMAIL: z.email('must be an e-mail address').optional(),
  ABETWORKS_OWNER_PASSWORD: z
    .string()
    .min(8, 'must be at least 8 characters')
    .max(128, 'must be at most 128 characters')
    .optional(),
  ABETWORKS_EGRESS_ALLOW: zList
    .pipe(z.array(z.string().regex(/^(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]+):\d+$/, 'must be a list of host:port')))
    .default([]),
  ABETWORKS_MODEL: zList
    .pipe(
      z.array(
        z
          .string()
          .regex(
            /^(rules|(anthropic|openai|gemini)\/\S+)$/,
            'must be provider/model, such as anthropic/claude-haiku-5-5',
          ),
      ),
    )
    .optional(),
  ABETWORKS_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('info'),
  /** `text` is for a person at a terminal; by default JSON unless the log is one. */
  ABETWORKS_LOG_FORMAT: z.enum(['json', 'text'], 'must be json or text').optional(),
  /** Where a role answers for its health and metrics beside the web port; `:port` alone is loopback. */
  ABETWORKS_METRICS_LISTEN: z
    .string()
    .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s/:[\]]*):\d{1,5}$/, 'must be host:port')
    .optional(),
  ABETWORKS_METRICS_TOKEN: z.string().min(16, 'must be at least 16 characters').optional(),
  ANTHROPIC_API_KEY: zValue.optional(),
  ANTHROPIC_BASE_URL: zHttpUrl.optional(),
  OPENAI_API_KEY: zValue.optional(),
  OPENAI_BASE_URL: zHttpUrl.optional(),
  GEMINI_API_KEY: zValue.optional(),
  GOOGLE_GEMINI_BASE_URL: zHttpUrl.optional(),
  SLACK_BOT_TOKEN: zValue.optional(),
  SLACK_SIGNING_SECRET: zValue.optional(),
  SLACK_APP_TOKEN: zValue.optional(),
  SLACK_CLIENT_ID: zValue.optional(),
  SLACK_CLIENT_SECRET: zValue.optional(),
  SLACK_STATE_SECRET: z.string().min(16, 'must be at least 16 characters').optional(),
  /** Off for an app that Slack installs only without PKCE. */
  SLACK_PKCE: zFlag.default(true),
  SLACK_API_URL: zHttpUrl.transform((url) => (url.endsWith('/') ? url : `${url}/`)).default('https://slack.com/api/'),
  DISCORD_TOKEN: zValue.optional(),
  GOOGLE_CLIENT_ID: zValue.optional(),
  GOOGLE_CLIENT_SECRET: zValue.optional(),
});

/** The name of every setting, for the documents' test. */
export const SETTINGS: readonly string[] = Object.keys(zEnv.shape);

export type Config = z.infer<typeof zEnv> & { readonly isProduction: boolean; readonly publicUrl: string };

/** Reads every setting once. Throws one `UserError` that lists all mistakes, a line each. Unknown variables are left alone. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const parsed = zEnv.safeParse(env);
  const malformed = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path[0]?.toString() ?? 'environment'} ${issue.message}`);
  const problems = [...new Set([...malformed, ...contradictions(env)])];
  if (problems.length > 0 || !parsed.success)
    throw new UserError(`Settings need a correction:\n  ${problems.join('\n  ')}`);
  const { data } = parsed;
  const publicUrl = (
    data.PUBLIC_URL ?? `http://${data.HOST.includes(':') ? `[${data.HOST}]` : data.HOST}:${data.PORT}`
  ).replace(/\/+$/, '');
  return { ...data, isProduction: data.NODE_ENV === 'production', publicUrl };
}

/** Settings that do not go together; looked for in what is set, so that they show beside malformed ones. */
function contradictions(env: Record<string, string | undefined>): string[] {
  const found: string[] = [];
  const isProduction = env['NODE_ENV'] === 'production';
  if (isProduction && !env['DATABASE_URL'] && env['ABETWORKS_EMBEDDED_DB'] !== '1')
    found.push('DATABASE_URL must be set in production (or set ABETWORKS_EMBEDDED_DB=1 to accept the embedded server)');
  if (!env['DATABASE_URL'] && env['ABETWORKS_EMBEDDED_DB'] === '0')
    found.push('DATABASE_URL must be set when ABETWORKS_EMBEDDED_DB=0');
  if (isProduction && !env['ABETWORKS_KEYS'])
    found.push('ABETWORKS_KEYS must be set in production: k1:$(openssl rand -base64 32)');
  if (Boolean(env['SLACK_CLIENT_ID']) !== Boolean(env['SLACK_CLIENT_SECRET']))
    found.push('SLACK_CLIENT_ID and SLACK_CLIENT_SECRET must be set together');
  const hears = env['SLACK_SIGNING_SECRET'] ?? env['SLACK_APP_TOKEN'];
  if ((env['SLACK_BOT_TOKEN'] ?? env['SLACK_CLIENT_ID']) && !hears)
    found.push('SLACK_SIGNING_SECRET must be set for Slack to be heard (or SLACK_APP_TOKEN for Socket Mode)');
  if (env['ABETWORKS_OWNER_PASSWORD'] && !env['ABETWORKS_OWNER_EMAIL'])
    found.push('ABETWORKS_OWNER_EMAIL must be set together with ABETWORKS_OWNER_PASSWORD');
  for (const entry of zList.parse(env['ABETWORKS_MODEL'] ?? '')) {
    const key = KEY_OF[entry.split('/')[0] ?? ''];
    if (key && !env[key]) found.push(`${key} must be set for ABETWORKS_MODEL=${entry}`);
  }
  return found;
}

const KEY_OF: Record<string, string> = {
  anthropic: 'ANTHROPIC_API_KEY',
  openai: 'OPENAI_API_KEY',
  gemini: 'GEMINI_API_KEY',
};
