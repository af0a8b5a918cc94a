import { errorText, UserError } from '#core/errors.ts';
import { storable } from '#core/text.ts';
import { openQuestion, putAnswer, readQuestion } from '#db/answers.ts';
import { noteTest } from '#db/connections.ts';
import { connections } from '#db/schema/index.ts';
import { and, eq } from 'drizzle-orm';
import type { ActivityDeps } from './deps.ts';
import { createEgress, EgressError } from './egress.ts';
import { CallFailed } from './integrations/connector.ts';
import { openConnection, openCredential, readOrgHosts } from './open-connection.ts';

const DOCUMENT_BYTES = 5 * 1024 * 1024;
const MODULES_MS = 5_000;

/** Questions the panel asks of the outside. A problem is an answer too: its sentence is shown to who asked. */
export function createAnswerActivities({ db, keys, egressAllow }: Pick<ActivityDeps, 'db' | 'keys' | 'egressAllow'>) {
  const answer = async (
    orgId: string,
    id: string,
    find: () => Promise<string>,
  ): Promise<{ isOk: boolean; text: string }> => {
    const found = await find().then(
      (text) => ({ isOk: true, text: storable(text) }),
      (error: unknown) => ({ isOk: false, text: problemOf(error) }),
    );
    await db.withOrg(orgId, (org) => putAnswer(org, { id, ...found }));
    return found;
  };
  return {
    async answerDocument({
      orgId,
      answerId,
      questionId,
    }: {
      orgId: string;
      answerId: string;
      questionId: string;
    }): Promise<void> {
      await answer(orgId, answerId, async () => {
        const { url, orgHosts } = await db.withOrg(orgId, async (org) => ({
          url: await readQuestion(org, questionId),
          orgHosts: await readOrgHosts(org),
        }));
        if (url === undefined) throw new UserError('Nobody waits for this document any more. Ask again.');
        const egress = createEgress({ allow: egressAllow, orgHosts, maxResponseBytes: DOCUMENT_BYTES });
        const response = await egress(url, {
          headers: { accept: 'application/json, application/yaml, text/yaml, */*' },
        });
        if (response.status !== 200)
          throw new UserError(`The document's address answered ${response.status}. Check it, or paste the document.`);
        return response.text();
      });
    },

    /** What a watched connection that is being made says that it can do. Its question is sealed: the credential is in it. */
    async answerModules({
      orgId,
      answerId,
      questionId,
    }: {
      orgId: string;
      answerId: string;
      questionId: string;
    }): Promise<void> {
      await answer(orgId, answerId, async () => {
        const sealed = await db.withOrg(orgId, (org) => readQuestion(org, questionId));
        if (sealed === undefined) throw new UserError('Nobody waits for this list any more. Ask again.');
        const { connector: id, settings, credential } = openQuestion(keys, sealed, { orgId, questionId });
        const signal = AbortSignal.timeout(MODULES_MS * 2);
        const access = { credential, orgHosts: await db.withOrg(orgId, readOrgHosts) };
        const { connector, context } = openConnection({ connector: id, settings }, access, {
          allow: egressAllow,
          idempotencyKey: null,
          signal,
          timeoutMs: MODULES_MS,
        });
        if (!connector.watched) throw new UserError(`${connector.title} has no list to ask for.`);
        return connector.watched.list(context);
      });
    },

    async answerTest({
      orgId,
      answerId,
      connectionId,
    }: {
      orgId: string;
      answerId: string;
      connectionId: string;
    }): Promise<void> {
      const { text } = await answer(orgId, answerId, async () => {
        const { connection, credential } = await db.withOrg(orgId, async (org) => {
          const [row] = await org.tx
            .select()
            .from(connections)
            .where(
              and(eq(connections.orgId, orgId), eq(connections.id, connectionId), eq(connections.status, 'active')),
            );
          if (!row) throw new UserError('The connection was removed.', { status: 404 });
          return { connection: row, credential: await openCredential(org, keys, row) };
        });
        const signal = AbortSignal.timeout(20_000);
        const { connector, context } = openConnection(connection, credential, {
          allow: egressAllow,
          idempotencyKey: null,
          signal,
        });
        return connector.test(context);
      });
      await db.withOrg(orgId, (org) => noteTest(org, connectionId, text));
    },
  };
}

function problemOf(error: unknown): string {
  if (error instanceof UserError || error instanceof CallFailed || error instanceof EgressError)
    return storable(errorText(error));
  throw error;
}
