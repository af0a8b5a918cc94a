import { createHash } from 'node:crypto';
import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm';
import { UserError } from '#core/errors.ts';
import { hmacSha256, randomToken, sameText, sha256 } from '#core/hash.ts';
import { open, seal, type KeyRing } from '#core/keys.ts';
import type { Org } from './client.ts';
import { slackOauthStates } from './schema/slack.ts';

// How long an admin may take in Slack's own pages.
const STATE_MINUTES = 10;

/** An install under way: `state` goes to Slack and comes back, `challenge` goes with it (PKCE, S256). */
export interface InstallStart {
  state: string;
  challenge: string;
}

/**
 * Begins an install for the member who is signed in. The state works once, for ten minutes, for this member in this org; its other half is kept
 * sealed. `secret` (SLACK_STATE_SECRET) signs it.
 */
export async function beginInstall(
  org: Org,
  keys: KeyRing,
  { memberId, secret }: { memberId: string; secret?: string | undefined },
): Promise<InstallStart> {
  await org.tx
    .delete(slackOauthStates)
    .where(and(eq(slackOauthStates.orgId, org.id), lt(slackOauthStates.expiresAt, sql`now() - interval '1 day'`)));
  const nonce = randomToken();
  const state = secret ? `${nonce}.${signatureOf(org, memberId, nonce, secret)}` : nonce;
  const stateHash = sha256(state);
  const verifier = randomToken();
  await org.tx.insert(slackOauthStates).values({
    orgId: org.id,
    memberId,
    stateHash,
    keyId: keys.newest,
    sealed: seal(keys.subkey('credentials'), Buffer.from(verifier), placeOf(org.id, stateHash)),
    expiresAt: sql`now() + make_interval(mins => ${STATE_MINUTES})` as never,
  });
  return { state, challenge: createHash('sha256').update(verifier).digest('base64url') };
}

/**
 * Takes the state that Slack handed back, once; the verifier belongs to its code. Throws `UserError` 400 for a state that is forged, used, too old, or
 * of another member or org: all with the same words.
 */
export async function takeState(
  org: Org,
  keys: KeyRing,
  { state, memberId, secret }: { state: string; memberId: string; secret?: string | undefined },
): Promise<{ verifier: string }> {
  if (!isSigned(org, memberId, state, secret)) throw staleState();
  const [row] = await org.tx
    .update(slackOauthStates)
    .set({ usedAt: sql`now()` })
    .where(
      and(
        eq(slackOauthStates.orgId, org.id),
        eq(slackOauthStates.memberId, memberId),
        eq(slackOauthStates.stateHash, sha256(state)),
        isNull(slackOauthStates.usedAt),
        gt(slackOauthStates.expiresAt, sql`now()`),
      ),
    )
    .returning();
  // Its key may have left in a rotation meanwhile.
  if (!row || !keys.ids.includes(row.keyId)) throw staleState();
  const plain = open(keys.subkey('credentials', row.keyId), row.sealed, placeOf(org.id, row.stateHash));
  return { verifier: Buffer.from(plain).toString('utf8') };
}

const placeOf = (orgId: string, stateHash: string): string => `${orgId}:${stateHash}:slack state`;

const signatureOf = (org: Org, memberId: string, nonce: string, secret: string): string =>
  hmacSha256(Buffer.from(secret), `${org.id}:${memberId}:${nonce}`);

function isSigned(org: Org, memberId: string, state: string, secret: string | undefined): boolean {
  if (!secret) return true;
  const [nonce = '', signature = ''] = state.split('.', 2);
  return sameText(signature, signatureOf(org, memberId, nonce, secret));
}

const staleState = (): UserError =>
  new UserError(
    'This installation was not begun by you, was finished already, or took longer than ten minutes. Start it again from the Slack page.',
    {
      status: 400,
    },
  );
