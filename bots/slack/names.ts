import { namesOfSlackPeople } from '#db/slack-people.ts';
import type { SlackBotDeps } from './deps.ts';
import { mentionsIn } from './text.ts';

/** Mentions whose names are looked up. */
const MOST_NAMES = 50;

/**
 * What the people whom a request mentions are called in it: colleagues by their names, everybody else by their id, whatever name Slack writes beside it.
 * What somebody outside calls themselves would count as words of whoever asks (RULES T1).
 */
export async function namesIn(
  { db }: Pick<SlackBotDeps, 'db'>,
  { orgId, tenant }: { orgId: string; tenant: string },
  text: string,
): Promise<Map<string, string>> {
  const ids = [...new Set(mentionsIn(text))];
  const names = new Map(ids.map((id) => [id, id]));
  if (ids.length === 0) return names;
  const whom = { tenant, externalIds: ids.slice(0, MOST_NAMES), areColleagues: true };
  const known = await db.withOrg(orgId, (org) => namesOfSlackPeople(org, whom));
  for (const [id, name] of known) names.set(id, name);
  return names;
}
