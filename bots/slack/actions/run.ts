import { isId } from '#core/ids.ts';
import { rateRun } from '#db/feedback.ts';
import type { Act } from '#bots/slack/click.ts';
import { tell } from '#bots/slack/private.ts';

const NO_RUN = 'There is no such run, or you may not see it.';

/** Stop, in the thread or in App Home (RULES R5). That it stops, the thread shows. */
export const stop: Act = async (deps, click, id) => {
  if (!isId(id)) return tell(deps, click, NO_RUN);
  const stopped = await deps.client.stop(click.actor, id);
  if (stopped.kind === 'stopping') return undefined;
  return tell(deps, click, stopped.kind === 'ended' ? `This has ended already (${stopped.status}).` : stopped.text);
};

/** Good or bad, kept with the run; the last word of each member counts. Whoever sees the answer in its thread may say what they think of it. */
export const feedback: Act = async (deps, click, id) => {
  const { orgId, actor, value } = click;
  if (!isId(id) || (value !== 'good' && value !== 'bad')) return;
  const isKept = await deps.db.withOrg(orgId, (org) =>
    rateRun(org, { runId: id, memberId: actor.memberId, rating: value, surface: 'slack' }),
  );
  if (!isKept) await tell(deps, click, NO_RUN);
};
