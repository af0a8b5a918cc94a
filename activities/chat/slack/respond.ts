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
    const text = await answer.text().catch(() => '');
    if (answer.ok) return;
    // Slack's word is the whole body: used_url, expired_url.
    const code = /^[a-z_]{3,60}$/.test(text) ? text : undefined;
    if (code && answer.status < 500 && answer.status !== 429) throw new PlatformFailure('refused', code);
    throw fromStatus(answer.status, answer.headers.get('retry-after'));
  };
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
