import type { Logger } from 'pino';
import { UserError } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import { putAnswer, takeAnswer } from '#db/answers.ts';
import type { Database } from '#db/client.ts';
import { createDecide } from './decide.ts';
import type { Engine } from './engine.ts';
import { createReceive } from './receive.ts';
import { createResolveEffect } from './resolve.ts';
import { createStop } from './stop.ts';
import type { Client } from './types.ts';

/** The one door for bots and web, over an open database and Temporal. */
export function createClient(deps: { db: Database; engine: Engine; log: Logger }): Client {
  const { engine } = deps;
  const ask = async (workflow: string, orgId: string, input: object): Promise<string> => {
    const answerId = newId();
    await engine.ask(workflow, `${workflow}:${orgId}:${answerId}`, { orgId, answerId, ...input });
    const answer = await deps.db.withOrg(orgId, (org) => takeAnswer(org, answerId));
    if (!answer) throw new UserError('No answer came back. Try again.', { status: 502 });
    if (!answer.isOk) throw new UserError(answer.text, { status: 422 });
    return answer.text;
  };
  return {
    receive: createReceive(deps),
    decide: createDecide(deps),
    stop: createStop(deps),
    resolveEffect: createResolveEffect(deps),
    fetchDocument: async ({ orgId }, url) => {
      // The address lies beside the answer: workflows carry ids only (RULES R1).
      const questionId = newId();
      await deps.db.withOrg(orgId, (org) => putAnswer(org, { id: questionId, isOk: true, text: url }));
      try {
        return await ask('fetchDocument', orgId, { questionId });
      } finally {
        await deps.db.withOrg(orgId, (org) => takeAnswer(org, questionId));
      }
    },
    testConnection: (actor, connectionId) => ask('testConnection', actor.orgId, { connectionId }),
    isAlive: () => engine.isAlive(),
  };
}
