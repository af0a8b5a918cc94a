import { z } from 'zod';
import type { Org } from '#db/client.ts';
import { readHome, type HomePlace } from '#db/slack-homes.ts';
import { isOutsider, readSlackPerson } from '#db/slack-people.ts';
import { HEARD, rowOf, type Ear } from '#bots/slack/ears.ts';
import { zId } from '#bots/slack/envelope.ts';

const zChanged = z.object({ user: z.unknown().optional() });
const zWhom = z.object({ id: zId }).catch({});

/** Who somebody is changed: a guest now, switched off, renamed. Whether they may ask is judged by it from now on. */
export const personEar: Ear = {
  types: ['user_change', 'user_profile_changed', 'user_status_changed'],
  hear: async ({ deps, people, later }, heard) => {
    const { orgId, tenant } = heard.at;
    const { user } = zChanged.parse(heard.event);
    const { id: externalId } = zWhom.parse(user);
    const { isReplay } = await deps.client.note(rowOf(heard, 'ignored', 'user_change', externalId));
    if (isReplay || externalId === undefined) return HEARD;
    const home = { tenant, externalId };
    const before = await deps.db.withOrg(orgId, (org) => readOpenedAs(org, home));
    await people.changed(heard.at, user);
    const after = before && (await deps.db.withOrg(orgId, (org) => readOpenedAs(org, home)));
    // What they saw so far is no longer theirs to see.
    if (before === 'member' && after === 'outsider') later.add(() => deps.client.openHome({ orgId, ...home }));
    return HEARD;
  },
};

/** As what somebody is known whose App Home was opened; undefined: it was not, or nobody knows. */
async function readOpenedAs(org: Org, home: HomePlace): Promise<'member' | 'outsider' | undefined> {
  const person = (await readHome(org, home)) && (await readSlackPerson(org, home));
  return person && (isOutsider(person) ? 'outsider' : 'member');
}
