import { z } from 'zod';
import type { Config } from '#core/config.ts';
import { PlatformFailure } from '#core/errors.ts';
import { fromNetwork, fromStatus } from './failure.ts';
import { hookAddress } from './hosts.ts';

/** A person looks at the button they have just clicked. */
const TIMEOUT_MS = 5_000;

/** Posts to an interaction's `response_url` (RULES A7): its address is its secret, so no token goes with it. Slack takes five posts within 30 minutes. */
export type Respond = (url: string, body: object) => Promise<void>;

/** Throws `PlatformFailure`; refused 'not_slack' for an address that is none of Slack's. */
export function createRespond(config: Pick<Config, 'SLACK_API_URL'>): Respond {
  return async (url, body) => {
    const at = hookAddress(config, url);
    if (!at) throw new PlatformFailure('refused', 'not_slack');
    const answer = await post(at, body);
    const said = await answer.text().catch(() => '');
    const code = codeIn(said);
    // A word beside 200 is no error: it is "ok".
    if (answer.ok && (code === undefined || said === code)) return;
    if (code && answer.status < 500 && answer.status !== 429) throw new PlatformFailure('refused', code);
    throw fromStatus(answer.status, answer.headers.get('retry-after'));
  };
}

/** Slack's word for what is wrong is the whole body (used_url, expired_url), or the error of an object as the Web API's; undefined: it says nothing of the kind. */
function codeIn(body: string): string | undefined {
  const said = body.startsWith('{') ? zRefused.safeParse(parse(body)).data?.error : body;
  return said !== undefined && /^[a-z_]{2,60}$/.test(said) ? said : undefined;
}
const zRefused = z.object({ ok: z.literal(false), error: z.string() });

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function post(url: URL, body: object): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw fromNetwork(error);
  }
}
