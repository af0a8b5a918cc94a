import type { Logger } from 'pino';
import { UserError } from '#core/errors.ts';
import { newId } from '#core/ids.ts';
import type { KeyRing } from '#core/keys.ts';
import { putAnswer, sealQuestion, takeAnswer } from '#db/answers.ts';
import type { Database } from '#db/client.ts';
import { createDecideOnCard } from './click.ts';
import { createDecide } from './decide.ts';
import { createEdit, type Revise } from './edit.ts';
import type { Engine } from './engine.ts';
import { createIsInThread, createNote } from './note.ts';
import { createReceive } from './receive.ts';
import { createResolveEffect } from './resolve.ts';
import { createStarts, type Starts } from './starts.ts';
import { findActor } from './sender.ts';
import { createStop } from './stop.ts';
import { createStopThread } from './stop-thread.ts';
import type { Client } from './types.ts';

/** The one door for bots and web, over an open database and Temporal. `revise`: what activities know of tools, handed in because workflows may not import them. */
export function createClient(deps: {
  db: Database;
  engine: Engine;
  log: Logger;
  keys: KeyRing;
  revise: Revise;
}): Client & Pick<Starts, 'drain'> {
  const { engine } = deps;
  const starts = createStarts(deps);
  const decide = createDecide(deps);
  const ask = async (workflow: string, orgId: string, input: object): Promise<string> => {
    const answerId = newId();
    await engine.ask(workflow, `${workflow}:${orgId}:${answerId}`, { orgId, answerId, ...input });
    const answer = await deps.db.withOrg(orgId, (org) => takeAnswer(org, answerId));
    if (!answer) throw new UserError('No answer came back. Try again.', { status: 502 });
    if (!answer.isOk) throw new UserError(answer.text, { status: 422 });
    return answer.text;
  };
  // The question lies beside the answer: workflows carry ids only (RULES R1).
  const askAbout = async (workflow: string, orgId: string, question: (id: string) => string): Promise<string> => {
    const questionId = newId();
    await deps.db.withOrg(orgId, (org) => putAnswer(org, { id: questionId, isOk: true, text: question(questionId) }));
    try {
      return await ask(workflow, orgId, { questionId });
    } finally {
      await deps.db.withOrg(orgId, (org) => takeAnswer(org, questionId));
    }
  };
  return {
    receive: createReceive({ ...deps, starts }),
    note: createNote(deps.db),
    findActor: (account) => findActor(deps.db, account),
    isInThread: createIsInThread(deps.db),
    stopThread: createStopThread(deps),
    decide,
    decideOnCard: createDecideOnCard({ db: deps.db, decide }),
    editApproval: createEdit(deps),
    stop: createStop(deps),
    resolveEffect: createResolveEffect(deps),
    fetchDocument: ({ orgId }, url) => askAbout('fetchDocument', orgId, () => url),
    listModules: ({ orgId }, question) =>
      askAbout('listModules', orgId, (questionId) => sealQuestion(deps.keys, question, { orgId, questionId })),
    testConnection: (actor, connectionId) => ask('testConnection', actor.orgId, { connectionId }),
    openHome: (home) => engine.openHome(home),
    isAlive: () => engine.isAlive(),
    drain: starts.drain,
  };
}
