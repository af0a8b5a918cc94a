import { attachmentsBetween } from '#db/attachments.ts';
import type { Org } from '#db/client.ts';
import { messagesBetween, outsideSourcesOf, type Said } from '#db/runs.ts';
import {
  newestSummary,
  pastRequests,
  sourcesBetween,
  wordsOf,
  type PastRequest,
  type Summary,
  type SummarySource,
} from '#db/summaries.ts';
import { readThread } from '#db/threads.ts';
import { originOf } from '#activities/attachments/origin.ts';
import { isQuestion } from '#activities/models/rules/step.ts';
import { mergeSources } from './summary-text.ts';
import { isDue, KEPT, lengthOf, newestOf, summaryLength, WINDOW } from './window.ts';

/** All that the next summary of a thread is made from. */
export interface Draft {
  upToSeq: number;
  before: Summary | undefined;
  /** The messages it adds to the one before, oldest first. */
  said: Said[];
  /** How many before those are in no summary: too many to read at once. */
  leftOut: number;
  requests: PastRequest[];
  sources: SummarySource[];
  /** Characters it may have. */
  length: number;
  /** Messages are about to fall out of what turns read. */
  isUrgent: boolean;
}

/** Messages that one summary reads at most. */
const MOST_READ = 60;
const MOST_REQUESTS = 40;

/** What the next summary would cover; null: none is due. */
export async function draftSummary(org: Org, threadId: string): Promise<Draft | null> {
  const thread = await readThread(org, threadId);
  if (!thread) return null;
  const before = await newestSummary(org, threadId);
  const after = before?.upToSeq ?? 0;
  const newest = await messagesBetween(org, threadId, { after, upTo: thread.lastSeq, limit: MOST_READ });
  const length = lengthOf(newest);
  if (!isDue(thread.lastSeq - after, length)) return null;
  const said = newest.slice(0, cutPoint(newest));
  const [first, last] = [said[0], said.at(-1)];
  if (!first || !last) return null;
  const upToSeq = last.message.seq;
  const requests = await pastRequests(org, threadId, upToSeq, MOST_REQUESTS);
  return {
    upToSeq,
    before,
    said,
    leftOut: first.message.seq - after - 1,
    requests,
    sources: await sourcesOf(org, threadId, { before, said, requests }),
    length: summaryLength(newest),
    isUrgent: thread.lastSeq - after > WINDOW.messages - 4 || length > WINDOW.length / 2,
  };
}

/** How many of these are summed up. A dialogue of the rule-based mode is not cut in two: it is worked out anew from its messages. */
function cutPoint(said: readonly Said[]): number {
  const kept = newestOf(said, KEPT).length;
  let at = said.length - kept;
  for (let back = 0; back < WINDOW.messages - KEPT.messages && at > 0; back += 1) {
    const previous = said[at - 1]?.message;
    const isInside = said[at]?.message.role === 'user' && previous?.role === 'assistant' && isQuestion(previous.text);
    const isAnswer = said[at]?.message.role === 'assistant' && isQuestion(said[at]?.message.text ?? '');
    if (!isInside && !isAnswer) break;
    at -= 1;
  }
  return at;
}

/**
 * Whose and which outside words a summary holds (RULES T1): a summary of outside text is outside text. A stretch that nobody reads counts as well,
 * since later answers may quote it.
 */
async function sourcesOf(
  org: Org,
  threadId: string,
  { before, said, requests }: Pick<Draft, 'before' | 'said' | 'requests'>,
): Promise<SummarySource[]> {
  const after = before?.upToSeq ?? 0;
  const firstSeq = said[0]?.message.seq ?? after + 1;
  const unread = firstSeq > after + 1 ? await sourcesBetween(org, threadId, { after, before: firstSeq }) : [];
  const runIds = [...said.flatMap(({ message }) => message.runId ?? []), ...requests.map(({ runId }) => runId)];
  const answers = await outsideSourcesOf(org, [...new Set(runIds)]);
  const lastSeq = said.at(-1)?.message.seq ?? after;
  // What came with these messages was shown beside them, so the answers may quote it.
  const attached = await attachmentsBetween(org, threadId, { after, before: lastSeq + 1 });
  const brought = attached.map((one): SummarySource => ({ origin: originOf(one), from: [null] }));
  const sources = [...(before?.outside ?? []), ...unread, ...brought];
  const read = new Set(sources.flatMap(({ memberId, from }) => (memberId === undefined ? from : [])));
  for (const { message, personId, personName } of said) {
    const isPerson = message.role === 'user';
    sources.push(wordsOf(personId, personName));
    if (message.outside === null) continue;
    const own = isPerson ? [null] : (answers.get(message.runId ?? '') ?? []);
    const from = own.length + read.size > 0 ? own : [null];
    for (const one of from) read.add(one);
    sources.push({ origin: message.outside, from });
  }
  const marked = new Set(said.flatMap(({ message }) => (message.outside === null ? [] : [message.runId])));
  for (const { runId, taint, requestedBy, name } of requests) {
    sources.push(wordsOf(requestedBy, name));
    const from = answers.get(runId) ?? [];
    // One that was stopped right after a write was never marked, but its receipt holds the other side's id.
    const isUnmarked = taint === null && from.length > 0 && !marked.has(runId);
    if (taint !== null || isUnmarked) sources.push({ origin: taint ?? 'answers of tools', from });
  }
  return mergeSources(sources);
}
