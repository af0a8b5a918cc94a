import type { Logger } from 'pino';
import type { Config } from '#core/config.ts';
import { DEFAULT_PAUSE_MS, toFailure, withoutTokens } from './failure.ts';

/** Of one call, its answer included; Slack answers in well under a second. */
const TIMEOUT_MS = 10_000;

/** One token's way to Slack; without a token, the way of the app itself (OAuth). */
export type SlackWeb = (method: string, args: Record<string, unknown>) => Promise<Record<string, unknown>>;

/** Slack's host is the operator's setting, like the models' vendors', so its SDK calls it itself and not through egress. */
export function createWeb({
  config,
  log,
  timeoutMs = TIMEOUT_MS,
}: {
  config: Pick<Config, 'SLACK_API_URL'>;
  log: Logger;
  timeoutMs?: number;
}) {
  return (token?: string): SlackWeb => {
    let client: Promise<{ apiCall(method: string, args: Record<string, unknown>): Promise<object> }> | undefined;
    return async (method, args) => {
      // An address would be called as it is, and a token beside ours would be used instead of it.
      if (!/^[a-z][a-zA-Z0-9]*(\.[a-zA-Z0-9]+)+$/.test(method)) throw new Error(`${method} is not a method of Slack`);
      if ('token' in args) throw new Error('a call to Slack names no token');
      client ??= openClient(token);
      try {
        return { ...(await (await client).apiCall(method, args)) };
      } catch (error) {
        throw toFailure(error);
      }
    };
  };

  async function openClient(token: string | undefined) {
    const { WebClient } = await import('@slack/web-api');
    // Temporal retries; a limit is waited out by the caller.
    return new WebClient(token, {
      slackApiUrl: config.SLACK_API_URL,
      allowAbsoluteUrls: false,
      retryConfig: { retries: 0 },
      rejectRateLimitedCalls: true,
      timeout: timeoutMs,
      fetch: fetchTimed,
      logger: quiet(log),
    });
  }
}

/** The SDK takes a 429 without a time for a broken line, which would count as unclear; a proxy before Slack may send one. */
async function fetchTimed(...ask: Parameters<typeof fetch>): Promise<Response> {
  const answer = await fetch(...ask);
  if (answer.status !== 429 || /^\d+$/.test(answer.headers.get('retry-after') ?? '')) return answer;
  await answer.body?.cancel();
  return new Response(null, { status: 429, headers: { 'retry-after': String(DEFAULT_PAUSE_MS / 1000) } });
}

/** The SDK says at `debug` what it sends, and at `warn` and `error` what it thinks of it: the former is dropped, of the latter tokens. */
function quiet(log: Logger) {
  const tell = (...words: unknown[]) =>
    log.debug({ slack: withoutTokens(words.map(String).join(' ')).slice(0, 500) }, 'slack sdk');
  return {
    debug: () => {},
    info: () => {},
    warn: tell,
    error: tell,
    setLevel: () => {},
    getLevel: () => 'warn' as never,
    setName: () => {},
  };
}
