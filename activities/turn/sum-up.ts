import { errorText } from '#core/errors.ts';
import { cut, storable } from '#core/text.ts';
import { addSummary } from '#db/summaries.ts';
import { SUMMARY_TURN } from '#db/usage.ts';
import type { ActivityDeps } from '#activities/deps.ts';
import type { Model } from '#activities/models/model.ts';
import { callModel } from './call-model.ts';
import { draftSummary, type Draft } from './draft-summary.ts';
import { ledgerLines, quoteRequests, summingUp, transcriptOf } from './summary-text.ts';

type Call = Parameters<typeof callModel>[2];
type Place = Call & { threadId: string };
type Words = { text: string; provider: string; model: string };

/** Longer than a vendor needs for a short text; the next answer of the thread tries again. */
const TIMEOUT_MS = 60_000;
const OUTPUT_TOKENS = 2_000;
const NOBODY = { provider: 'abetworks', model: 'quotes' };

/**
 * Sums up what has grown too long of a thread, once, for all later requests in it. It runs after an answer, beside everything else, and never
 * throws: what a crash or a failing model leaves undone is due again at the thread's next answer, and until then older messages are left out.
 */
export function createSumUp({ db, log }: Pick<ActivityDeps, 'db' | 'log'>) {
  const underWay = new Set<string>();

  return async (place: Place, models: readonly Model[]): Promise<void> => {
    if (underWay.has(place.threadId)) return;
    underWay.add(place.threadId);
    try {
      await sumUp(place, models);
    } catch (error) {
      log.warn({ orgId: place.orgId, threadId: place.threadId, error: errorText(error) }, 'thread was not summed up');
    } finally {
      underWay.delete(place.threadId);
    }
  };

  async function sumUp({ threadId, ...call }: Place, models: readonly Model[]): Promise<void> {
    const draft = await db.withOrg(call.orgId, (org) => draftSummary(org, threadId));
    if (!draft) return;
    const words = await inWords(draft, call, models);
    if (!words) return;
    const summary = { threadId, upToSeq: draft.upToSeq, outside: draft.sources, ...words };
    await db.withOrg(call.orgId, (org) => addSummary(org, summary));
  }

  /** By a model where there is one; else quoted. Null: better tried again later. */
  async function inWords(draft: Draft, call: Call, models: readonly Model[]): Promise<Words | null> {
    const vendors = models.filter(({ provider }) => provider !== 'rules');
    if (vendors.length === 0) return quoted(draft);
    const said = await told(draft, call, vendors).catch((error: unknown) => {
      log.warn({ orgId: call.orgId, runId: call.runId, error: errorText(error) }, 'no model summed the thread up');
      return null;
    });
    if (said) return said;
    // Nobody may see the last of what falls out: then rather its quotes.
    return draft.isUrgent ? quoted(draft) : null;
  }

  async function told(draft: Draft, call: Call, models: readonly Model[]): Promise<Words | null> {
    const ledger = ledgerLines(draft.requests, draft.length * 0.4);
    const length = draft.length - ledger.length - 1;
    const called = await callModel(
      db,
      models,
      { ...call, turn: SUMMARY_TURN },
      {
        instructions: summingUp(length),
        messages: [{ role: 'user', text: transcriptOf(draft.before?.text ?? null, draft.said) }],
        tools: [],
        limits: { outputTokens: OUTPUT_TOKENS },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      },
    );
    if (called.kind !== 'generated' || called.generated.kind !== 'reply') return null;
    const text = storable(called.generated.text).trim();
    if (text === '' || isOurOwn(text)) return null;
    return {
      text: [gapLine(draft), cut(text, length), ledger].filter(Boolean).join('\n'),
      provider: called.model.provider,
      model: called.model.name,
    };
  }
}

const quoted = (draft: Draft): Words => ({ text: quoteRequests(draft.requests, draft.length), ...NOBODY });

const gapLine = ({ leftOut }: Draft): string =>
  leftOut > 0 ? `(${leftOut} messages before these were not summed up.)` : '';

// What the product says in a model's place (activities/models/call.ts) is no summary.
const isOurOwn = (text: string): boolean =>
  /^(The model declined this request|The conversation is too long|The model gave an empty answer)/.test(text);
