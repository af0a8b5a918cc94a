import { z } from 'zod';
import { readSlackPerson, saveSlackPerson } from '#db/slack-people.ts';
import { HEARD, rowOf, type Ear, type Ears, type HeardEvent } from '#bots/slack/ears.ts';
import { zId } from '#bots/slack/envelope.ts';
import { SUGGESTED_PROMPTS } from '#bots/slack/prompts.ts';
import { isUnknown } from '#bots/slack/unknown.ts';

const zOpened = z.object({ user: zId, channel: zId, tab: zId });

/** Somebody opened the app: its home is drawn for them, or its messages begin with what one can ask. */
export const homeEar: Ear = {
  types: ['app_home_opened'],
  hear: async ({ deps, people, later }, heard) => {
    const { user, channel, tab } = zOpened.parse(heard.event);
    const { orgId, tenant } = heard.at;
    const { isReplay } = await deps.client.note(rowOf(heard, 'command', 'app_home_opened', user));
    if (isReplay || user === undefined) return HEARD;
    if (tab === 'home')
      later.add(async () => {
        await lookUp({ deps, people }, heard, user);
        await deps.client.openHome({ orgId, tenant, externalId: user });
      });
    if (tab === 'messages' && channel !== undefined)
      later.add(() =>
        deps.slack.call({ orgId, tenant }, 'assistant.threads.setSuggestedPrompts', {
          channel_id: channel,
          title: SUGGESTED_PROMPTS.title,
          prompts: SUGGESTED_PROMPTS.prompts,
        }),
      );
    return HEARD;
  },
};

/** What the home shows follows from what is on record of its owner; whom Slack hides from us is put there too. */
async function lookUp(
  { deps, people }: Pick<Ears, 'deps' | 'people'>,
  { at }: HeardEvent,
  externalId: string,
): Promise<void> {
  const person = await people.who(at, externalId);
  if (isUnknown(person) || !person.isStranger) return;
  const whom = { tenant: at.tenant, externalId };
  await deps.db.withOrg(at.orgId, async (org) => {
    const row = await readSlackPerson(org, whom);
    if (!row?.isStranger) await saveSlackPerson(org, whom, person);
  });
}
