import { and, eq, sql } from 'drizzle-orm';
import { newId } from '#core/ids.ts';
import type { Org } from './client.ts';
import { channelTurns } from './schema/chat.ts';

export interface ChannelPlace {
  platform: string;
  tenant: string;
  channel: string;
}

/** How fast a channel takes messages: one each `everyMs`, and `burst` at once after a pause. */
export interface Pace {
  everyMs: number;
  burst: number;
}

/**
 * The channel's next turn, for every process that speaks: how long to wait for it, in ms. When that would be more than `maxWaitMs`, no turn is taken
 * and `againInMs` says when to ask again.
 */
export async function takeTurn(
  org: Org,
  { platform, tenant, channel }: ChannelPlace,
  { everyMs, burst, maxWaitMs }: Pace & { maxWaitMs: number },
): Promise<{ waitMs: number } | { againInMs: number }> {
  const every = span(everyMs);
  const early = span(everyMs * (burst - 1));
  const wait = sql<number>`greatest(0, extract(epoch from ${channelTurns.nextAt} - ${early} - clock_timestamp()) * 1000)::float8`;
  const [taken] = await org.tx
    .insert(channelTurns)
    .values({
      id: newId(),
      orgId: org.id,
      platform,
      tenant,
      channel,
      nextAt: sql`clock_timestamp() + ${every}` as never,
    })
    .onConflictDoUpdate({
      target: [channelTurns.orgId, channelTurns.platform, channelTurns.tenant, channelTurns.channel],
      set: { nextAt: sql`greatest(${channelTurns.nextAt}, clock_timestamp()) + ${every}` },
      setWhere: sql`${channelTurns.nextAt} - ${early} - clock_timestamp() <= ${span(maxWaitMs)}`,
    })
    .returning({
      waitMs: sql<number>`greatest(0, extract(epoch from ${channelTurns.nextAt} - ${every} - ${early} - clock_timestamp()) * 1000)::float8`,
    });
  if (taken) return { waitMs: Math.ceil(taken.waitMs) };
  const [full] = await org.tx
    .select({ waitMs: wait })
    .from(channelTurns)
    .where(isPlace(org, { platform, tenant, channel }));
  return { againInMs: Math.ceil(full?.waitMs ?? everyMs) };
}

/** Nobody takes a turn in the channel for `ms`: the platform said that it had too many. */
export const holdTurns = (org: Org, place: ChannelPlace, { everyMs, burst }: Pace, ms: number): Promise<unknown> =>
  org.tx
    .update(channelTurns)
    .set({
      nextAt: sql`greatest(${channelTurns.nextAt}, clock_timestamp() + ${span(ms + everyMs * (burst - 1))})`,
    })
    .where(isPlace(org, place));

const span = (ms: number) => sql`make_interval(secs => ${ms / 1000}::float8)`;
const isPlace = (org: Org, { platform, tenant, channel }: ChannelPlace) =>
  and(
    eq(channelTurns.orgId, org.id),
    eq(channelTurns.platform, platform),
    eq(channelTurns.tenant, tenant),
    eq(channelTurns.channel, channel),
  );
