import type { Principal } from '#db/api-keys.ts';

/** What each request carries through the web role. */
export interface WebEnv {
  Variables: {
    requestId: string;
    /** Who acts, re-read from the database for this request; null: nobody is signed in. */
    actor: Principal | null;
    /** How they proved it. */
    signedInBy: 'cookie' | 'key' | null;
    /** Set while an `Idempotency-Key` is honoured: the same for each retry of one request. */
    idempotencyId?: string;
  };
  Bindings: { incoming?: { socket?: { remoteAddress?: string } } };
}
