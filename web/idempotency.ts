import type { MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Logger } from 'pino';
import { errorText } from '#core/errors.ts';
import { sha256 } from '#core/hash.ts';
import type { KeyRing } from '#core/keys.ts';
import { beginIdempotent, forgetIdempotent, keepAnswer } from '#db/idempotency.ts';
import type { Database } from '#db/client.ts';
import type { WebEnv } from './env.ts';
import { ProblemError } from './problem.ts';

const HEADER = 'Idempotency-Key';

/**
 * `Idempotency-Key` on a POST: the same key and body get the stored answer again for 24 h, another body 422, one still going 409.
 * Answers that say nothing happened (other 4xx) or that nobody knows (5xx) are not kept.
 */
export const createIdempotency =
  ({ db, keys, log }: { db: Database; keys: KeyRing; log: Logger }): MiddlewareHandler<WebEnv> =>
  async (c, next) => {
    const [key, actor] = [c.req.header(HEADER), c.get('actor')];
    if (c.req.method !== 'POST' || key === undefined || actor === null) return next();
    if (!/^[\x21-\x7e]{1,255}$/.test(key))
      throw new ProblemError(422, `${HEADER}: must be 1 to 255 visible ASCII characters`, { field: HEADER });
    const { orgId, memberId } = actor;
    // The kept answer may hold a secret, so a key of another scope is another sender.
    const scope = actor.apiKey?.scopes.toSorted().join(' ') ?? 'full';
    const body = sha256(new Uint8Array(await c.req.arrayBuffer()));
    const request = `${c.req.method} ${c.req.path} ${body}${scope === 'full' ? '' : ` as ${scope}`}`;
    const begun = await db.withOrg(orgId, (org) => beginIdempotent(org, keys, { memberId, key, request }));
    if (begun.kind === 'mismatch')
      throw new ProblemError(422, `${HEADER}: was used for another request. Take a new one.`, { field: HEADER });
    if (begun.kind === 'in_flight')
      throw new ProblemError(409, `${HEADER}: the first request with it is still going. Ask again shortly.`, {
        headers: { 'retry-after': '1' },
      });
    if (begun.kind === 'replay') {
      const { status, contentType, body } = begun.answer;
      const answered = { 'content-type': contentType, 'Idempotency-Replayed': 'true' };
      return c.newResponse(status === 204 ? null : body, status as ContentfulStatusCode, answered);
    }
    const { id } = begun;
    c.set('idempotencyId', id);
    await next();
    const answer = c.res.clone();
    const { status } = answer;
    const isFinal = (status >= 200 && status < 300) || status === 409 || status === 410;
    const stored = {
      status,
      contentType: answer.headers.get('content-type') ?? 'application/json',
      body: await answer.text(),
    };
    try {
      await db.withOrg(orgId, (org) =>
        isFinal ? keepAnswer(org, keys, { id, memberId }, stored) : forgetIdempotent(org, id),
      );
    } catch (error) {
      // What was asked for is done: the answer goes out, and the key stays "in flight" for a while.
      log.error({ requestId: c.get('requestId'), error: errorText(error) }, 'idempotent answer was not kept');
    }
  };
