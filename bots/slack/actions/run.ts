import { errorText } from '#core/errors.ts';
import { isId } from '#core/ids.ts';
import { rateRun } from '#db/feedback.ts';
import type { Click, Decide } from '#bots/slack/click.ts';
import type { SlackBotDeps } from '#bots/slack/deps.ts';

const NO_RUN = 'There is no such run, or you may not see it.';

/** Stop, in the thread or in App Home (RULES R5). That it stops, the thread shows, and the home that was clicked. */
export const stop: Decide = async (deps, click, id) => {
  if (!isId(id)) return NO_RUN;
  const stopped = await deps.client.stop(click.actor, id);
  if (click.isHome) await showHome(deps, click);
  if (stopped.kind === 'stopping') return undefined;
  return stopped.kind === 'ended' ? `This has ended already (${stopped.status}).` : stopped.text;
};

/** The stop is written: a home that cannot be shown anew now is when it is opened next. */
async function showHome({ client, log }: SlackBotDeps, { orgId, tenant, userId }: Click): Promise<void> {
  try {
    await client.openHome({ orgId, tenant, externalId: userId });
  } catch (error) {
    log.warn({ orgId, error: errorText(error) }, 'a home was not shown anew after a stop');
  }
}

/** Good or bad, kept with the run; the last word of each member counts. Whoever sees the answer in its thread may say what they think of it. */
export const feedback: Decide = async (deps, click, id) => {
  const { orgId, actor, value } = click;
  if (!isId(id) || (value !== 'good' && value !== 'bad')) return undefined;
  const isKept = await deps.db.withOrg(orgId, (org) =>
    rateRun(org, { runId: id, memberId: actor.memberId, rating: value, surface: 'slack' }),
  );
  return isKept ? undefined : NO_RUN;
};
