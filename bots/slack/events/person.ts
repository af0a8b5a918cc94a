import { z } from 'zod';
import { HEARD, rowOf, type Ear } from '#bots/slack/ears.ts';
import { zId } from '#bots/slack/envelope.ts';

const zChanged = z.object({ user: z.unknown().optional() });
const zWhom = z.object({ id: zId }).catch({});

/** Who somebody is changed: a guest now, switched off, renamed. Whether they may ask is judged by it from now on. */
export const personEar: Ear = {
  types: ['user_change', 'user_profile_changed', 'user_status_changed'],
  hear: async ({ deps, people }, heard) => {
    const { user } = zChanged.parse(heard.event);
    const { isReplay } = await deps.client.note(rowOf(heard, 'ignored', 'user_change', zWhom.parse(user).id));
    if (!isReplay) await people.changed(heard.at, user);
    return HEARD;
  },
};
