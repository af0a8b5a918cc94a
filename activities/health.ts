import { errorText, UserError } from '#core/errors.ts';
import type { JsonObject } from '#core/tools.ts';
import { audit } from '#db/audit.ts';
import type { Org } from '#db/client.ts';
import { claimCheck, lockConnection, runsRunningOn, storeHealth, type Connection } from '#db/connections.ts';
import { notify } from '#db/notify.ts';
import type { ActivityDeps } from './deps.ts';
import { EgressError } from './egress.ts';
import { CallFailed } from './integrations/connector.ts';
import { openConnection, openCredential, type Access } from './open-connection.ts';

const EVERY_MS = 60_000;
/** A connection that is down is looked at by every round of the watch; after ten minutes, more rarely. */
const DOWN_EVERY_MS = 1_400;
const LONG_DOWN_MS = 10 * 60_000;
const LONG_DOWN_EVERY_MS = 15_000;
/** Of one question to it. */
const TIMEOUT_MS = 5_000;

export interface Seen {
  health: 'up' | 'down';
  /** In our words. */
  text: string;
}

/** Looks at connections whose other side may change or be down, outside any run; the sweeper calls it. */
export function createHealthWatch({
  db,
  keys,
  egressAllow,
  log,
}: Pick<ActivityDeps, 'db' | 'keys' | 'egressAllow' | 'log'>) {
  return {
    /** One look, if it is due and nobody else has it. `runIds`: those that may go on now. */
    async checkHealth({
      orgId,
      connectionId,
    }: {
      orgId: string;
      connectionId: string;
    }): Promise<{ isDown: boolean; runIds: string[] }> {
      const claimed = await db.withOrg(orgId, async (org) => {
        const connection = await claimCheck(org, connectionId, TIMEOUT_MS * 3);
        return connection && { connection, credential: await openCredential(org, keys, connection) };
      });
      if (!claimed) return { isDown: false, runIds: [] };
      const seen = await look(claimed.connection, claimed.credential, egressAllow, (error) =>
        log.error({ orgId, connectionId, error: errorText(error) }, 'what a connection offers could not be compared'),
      );
      return db.withOrg(orgId, async (org) => {
        const now = await lockConnection(org, connectionId);
        if (!now) return { isDown: false, runIds: [] };
        const isNews = await record(org, now, claimed.connection, seen);
        if (isNews) log.info({ orgId, connectionId, health: seen.health }, 'connection');
        const isDown = seen.health === 'down';
        return { isDown, runIds: isDown ? [] : await runsRunningOn(org, connectionId) };
      });
    },
  };
}

type Look = Seen & { offered?: JsonObject | null };

/** Up means: it says that it works, and what it offers could be read. What cannot be compared with what was accepted is not used. */
async function look(
  connection: Connection,
  access: Access,
  allow: readonly string[],
  tell: (error: unknown) => void,
): Promise<Look> {
  const { connector, context } = openConnection(connection, access, {
    allow,
    idempotencyKey: null,
    signal: AbortSignal.timeout(TIMEOUT_MS * 2),
    timeoutMs: TIMEOUT_MS,
  });
  const { watched } = connector;
  if (!watched) return { health: 'up', text: 'It is not watched.' };
  try {
    await watched.probe(context);
    const offered = watched.compare(connection.settings, await watched.list(context));
    return { health: 'up', text: 'It answers.', offered };
  } catch (error) {
    if (error instanceof UserError || error instanceof CallFailed || error instanceof EgressError)
      return { health: 'down', text: errorText(error) };
    // Not thrown: what was accepted would stay on, whatever is offered now.
    tell(error);
    return { health: 'down', text: 'What it offers could not be read.' };
  }
}

async function record(org: Org, now: Connection, before: Connection, seen: Look): Promise<boolean> {
  // Accepted meanwhile: what was seen was compared with the settings of before.
  const isComparable = seen.offered !== undefined && now.settingsVersion === before.settingsVersion;
  const [old, next] = [shaOf(now.offered), shaOf(seen.offered ?? null)];
  const isOther = isComparable && old !== next;
  if (isOther) await storeHealth(org, now.id, { offered: seen.offered ?? null });
  const isNews = await noteHealth(org, now, seen);
  if (!isOther) return isNews;
  await notify(org, { connectionId: now.id });
  await audit(org, {
    actor: 'system',
    action: 'connection.offer_changed',
    target: { type: 'connection', id: now.id },
    details: { offeredSha256: next },
  });
  return true;
}

const shaOf = (offered: JsonObject | null): string | null => {
  const sha256 = offered?.['sha256'];
  return typeof sha256 === 'string' ? sha256 : null;
};

/** Stores how a connection was found, and when to look again; a change is audited and told. True: it was one. The row is locked by the caller. */
export async function noteHealth(org: Org, connection: Connection, { health, text }: Seen): Promise<boolean> {
  const isNews = connection.health !== health;
  const downMs = isNews || !connection.healthSince ? 0 : Date.now() - connection.healthSince.getTime();
  await storeHealth(org, connection.id, {
    health,
    healthText: text.slice(0, 500),
    ...(isNews ? { isNew: true } : {}),
    checkAgainInMs: jittered(health === 'up' ? EVERY_MS : downMs < LONG_DOWN_MS ? DOWN_EVERY_MS : LONG_DOWN_EVERY_MS),
  });
  if (!isNews) return false;
  await notify(org, { connectionId: connection.id });
  await audit(org, {
    actor: 'system',
    action: `connection.${health}`,
    target: { type: 'connection', id: connection.id },
  });
  return true;
}

/** Many connections made at once are not looked at at once for ever. */
const jittered = (ms: number): number => Math.round(ms * (0.9 + Math.random() * 0.1));
