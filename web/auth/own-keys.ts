import { forbidden, notFound, UserError } from '#core/errors.ts';
import { actorText, may, type Actor, type ApiKeyScope } from '#core/roles.ts';
import { countLiveKeys, createApiKey, readApiKey, revokeApiKey } from '#db/api-keys.ts';
import { audit } from '#db/audit.ts';
import type { Database } from '#db/client.ts';

/** Keys of one member that work: as many as their account page lists, so that none hides behind others. */
export const MOST_KEYS = 200;

/** Makes a key that acts for the actor; its text is given this once. Throws `UserError` 409 when there are too many. */
export const makeOwnKey = (
  db: Database,
  actor: Actor,
  { name, scope }: { name: string; scope: ApiKeyScope },
): Promise<{ id: string; key: string }> =>
  db.withOrg(actor.orgId, async (org) => {
    const { memberId, apiKey } = actor;
    if ((await countLiveKeys(org, memberId)) >= MOST_KEYS)
      throw new UserError(`You have ${MOST_KEYS} API keys. Revoke one that nobody uses first.`, { status: 409 });
    // Made by means of a key, it is of that key's maker too (RULES A3).
    const createdBy = apiKey?.createdBy ?? memberId;
    const key = await createApiKey(org, { memberId, createdBy, name, scopes: [scope] });
    const target = { type: 'api_key', id: key.id };
    await audit(org, { actor: actorText(actor), action: 'api_key.created', target, details: { scope } });
    return key;
  });

/** Revokes a key, for ever: one's own, or as an admin anybody's. Throws `UserError`: 404, 403 for an owner's key by somebody else. */
export const revokeKey = (db: Database, actor: Actor, keyId: string): Promise<void> =>
  db.withOrg(actor.orgId, async (org) => {
    const key = await readApiKey(org, keyId);
    const isOwn = key?.memberId === actor.memberId;
    if (!key || (!isOwn && !may(actor, 'member.manage'))) throw notFound('API key');
    if (!isOwn && key.memberRole === 'owner' && actor.role !== 'owner')
      throw forbidden('Only an owner revokes an owner’s key.');
    await revokeApiKey(org, keyId);
    await audit(org, { actor: actorText(actor), action: 'api_key.revoked', target: { type: 'api_key', id: keyId } });
  });
