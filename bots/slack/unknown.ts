import { errorText, type PlatformFailure } from '#core/errors.ts';
import type { SlackBotDeps } from './deps.ts';
import type { SlackProfile } from '#db/slack-people.ts';
import { createSeldom } from './seldom.ts';

/** Slack did not say who somebody is: not now, or lastingly, with its word for why. Nobody acts unknown. */
export interface Unknown {
  isLasting: boolean;
  code: string;
}
export const isUnknown = (found: SlackProfile | Unknown): found is Unknown => 'isLasting' in found;

/** Why a request was refused, in its row. */
export const NOT_LOOKED_UP = 'not_looked_up';

/** What whoever asked or clicked is told. */
export const lineOfUnknown = ({ isLasting, code }: Unknown): string =>
  isLasting
    ? `Slack does not tell me who you are (${code}), so nothing was done. Ask an admin to look at the page Slack of the panel, then try again.`
    : 'Slack does not tell me just now who you are, so nothing was done. Press or send it again in a moment.';

const ALERT_AGAIN_MS = 60_000;

/** Tells the operator that Slack refuses to say who people are; once a minute for each workspace and word of Slack's. */
export function createAlert({ log, now }: Pick<SlackBotDeps, 'log' | 'now'>) {
  const isDue = createSeldom(ALERT_AGAIN_MS, now);
  return (at: { orgId: string; tenant: string }, failure: Pick<PlatformFailure, 'code'>): void => {
    const { orgId, tenant } = at;
    const { code } = failure;
    if (isDue(`${tenant} ${code}`))
      log.error(
        { orgId, tenant, code, error: errorText(failure), alert: true },
        'Slack refuses to say who somebody is',
      );
  };
}
