import { findConnector } from '#activities/integrations/index.ts';
import { notFound, UserError } from '#core/errors.ts';
import { actorText, type Actor } from '#core/roles.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';
import { acceptOffered, lockConnection, type Connection } from '#db/connections.ts';

const CHANGED = 'What it offers has changed since you looked. Look at it again, then accept it.';

/**
 * Accepts what the other side offers now: the hash names what was looked at, so nothing else gets in. `enabled`: the names that are on; left out,
 * what was on stays on and what is new is on. Throws `UserError` 404 or 409.
 */
export const acceptOffer = (
  db: Database,
  actor: Actor,
  connectionId: string,
  { offeredSha256, enabled }: { offeredSha256: string; enabled?: readonly string[] | undefined },
): Promise<Connection> =>
  db.withOrg(actor.orgId, async (org) => {
    const row = await lockConnection(org, connectionId);
    if (!row) throw notFound('connection');
    const { watched } = findConnector(row.connector);
    if (!watched || row.offered === null)
      throw new UserError('There is nothing to accept: it offers what was accepted.', { status: 409 });
    if (row.offered['sha256'] !== offeredSha256) throw new UserError(CHANGED, { status: 409 });
    const settings = watched.accept(row.settings, row.offered, enabled);
    const accepted = await acceptOffered(org, connectionId, { offeredSha256, settings });
    if (!accepted) throw new UserError(CHANGED, { status: 409 });
    await audit(org, {
      actor: actorText(actor),
      action: 'connection.accepted',
      target: { type: 'connection', id: connectionId },
      details: { offeredSha256, settingsVersion: accepted.settingsVersion },
    });
    return accepted;
  });
