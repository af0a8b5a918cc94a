import { z } from 'zod';
import { UserError } from './errors.ts';
import { parseKeyRing } from './keys.ts';

const zPort = z.coerce.number('must be a port number from 1 to 65535').int().min(0).max(65_535);
const zHttpUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// address' });
const zSecret = z.string().trim().min(1, 'is set but empty; unset it or give it a value');
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
  HOST: z.string().min(1).default('127.0.0.1'),
  PUBLIC_URL: zHttpUrl.optional(),
  ABETWORKS_DATA_DIR: z.string().min(1).default('.data'),
  /** Where the workflow bundle is kept; by default in the data folder. */
  ABETWORKS_BUNDLE_DIR: z.string().min(1).optional(),
  ABETWORKS_EMBEDDED_DB: zFlag.optional(),
  DATABASE_URL: z
    .url({ protocol: /^postgres(ql)?$/, error: 'must look like postgres://user:password@host:5432/name' })
    .optional(),
  DATABASE_POOL_MAX: z.coerce.number().int().min(2).max(100).default(10),
  TEMPORAL_ADDRESS: z
    .string()
    .regex(/^[^\s/]+:\d+$/, 'must be host:port')
    .optional(),
  TEMPORAL_NAMESPACE: z.string().min(1).default('default'),
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
  ABETWORKS_OWNER_PASSWORD: z.string().min(8, 'must be at least 8 characters').max(128).optional(),
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
  ABETWORKS_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  ANTHROPIC_API_KEY: zSecret.optional(),
  ANTHROPIC_BASE_URL: zHttpUrl.optional(),
  OPENAI_API_KEY: zSecret.optional(),
  OPENAI_BASE_URL: zHttpUrl.optional(),
  GEMINI_API_KEY: zSecret.optional(),
  GOOGLE_GEMINI_BASE_URL: zHttpUrl.optional(),
  SLACK_BOT_TOKEN: zSecret.optional(),
  SLACK_SIGNING_SECRET: zSecret.optional(),
  SLACK_APP_TOKEN: zSecret.optional(),
  DISCORD_TOKEN: zSecret.optional(),
  GOOGLE_CLIENT_ID: zSecret.optional(),
  GOOGLE_CLIENT_SECRET: zSecret.optional(),
});

export type Config = z.infer<typeof zEnv> & { readonly isProduction: boolean; readonly publicUrl: string };

/** Reads every setting once. Throws one `UserError` that lists all mistakes, a line each. Unknown variables are left alone. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const parsed = zEnv.safeParse(env);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path[0]?.toString() ?? 'environment'} ${issue.message}`);
  if (parsed.success) problems.push(...contradictions(parsed.data));
  if (problems.length > 0 || !parsed.success)
    throw new UserError(`Settings need a correction:\n  ${problems.join('\n  ')}`);
  const { data } = parsed;
  const publicUrl = (
    data.PUBLIC_URL ?? `http://${data.HOST.includes(':') ? `[${data.HOST}]` : data.HOST}:${data.PORT}`
  ).replace(/\/$/, '');
  return { ...data, isProduction: data.NODE_ENV === 'production', publicUrl };
}

function contradictions(env: z.infer<typeof zEnv>): string[] {
  const found: string[] = [];
  const isProduction = env.NODE_ENV === 'production';
  if (isProduction && !env.DATABASE_URL && env.ABETWORKS_EMBEDDED_DB !== true)
    found.push('DATABASE_URL must be set in production (or set ABETWORKS_EMBEDDED_DB=1 to accept the embedded server)');
  if (!env.DATABASE_URL && env.ABETWORKS_EMBEDDED_DB === false)
    found.push('DATABASE_URL must be set when ABETWORKS_EMBEDDED_DB=0');
  if (isProduction && !env.ABETWORKS_KEYS)
    found.push('ABETWORKS_KEYS must be set in production: k1:$(openssl rand -base64 32)');
  if (env.ABETWORKS_OWNER_PASSWORD && !env.ABETWORKS_OWNER_EMAIL)
    found.push('ABETWORKS_OWNER_EMAIL must be set together with ABETWORKS_OWNER_PASSWORD');
  for (const entry of env.ABETWORKS_MODEL ?? []) {
    if (entry.startsWith('anthropic/') && !env.ANTHROPIC_API_KEY)
      found.push(`ANTHROPIC_API_KEY must be set for ABETWORKS_MODEL=${entry}`);
    if (entry.startsWith('openai/') && !env.OPENAI_API_KEY)
      found.push(`OPENAI_API_KEY must be set for ABETWORKS_MODEL=${entry}`);
    if (entry.startsWith('gemini/') && !env.GEMINI_API_KEY)
      found.push(`GEMINI_API_KEY must be set for ABETWORKS_MODEL=${entry}`);
  }
  return found;
}
