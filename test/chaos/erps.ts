import { z } from 'zod';
import { startErp, type Erp } from '#test/fakes/erp.ts';

/** `keyed` honours the Idempotency-Key and declares it; `keyless` does neither (RULES E7). */
export const ERP_KINDS = ['keyed', 'keyless'] as const;
export type ErpKind = (typeof ERP_KINDS)[number];

/** What becomes of the request about one invoice. `silent`: it is made (or not), and never answered. */
type Way = { kind: 'silent'; isMade: boolean } | { kind: 'late'; until: (effectId: string) => Promise<unknown> };

const zBody = z.object({ number: z.string() });
const numberIn = (body: string): string => zBody.parse(JSON.parse(body)).number;

/** Both ERPs, each with the ledger that "exactly once" is counted by. */
export async function startErps() {
  const ways = new Map<string, Way>();
  const all: Record<ErpKind, Erp> = { keyed: await startErp({ honoursKey: true }), keyless: await startErp() };
  for (const erp of Object.values(all)) {
    erp.behave((received, response) => {
      const number = received.method === 'POST' ? numberIn(received.body) : '';
      const key = String(received.headers['idempotency-key']);
      const way = ways.get(number);
      if (!way) return erp.create(received, response);
      if (way.kind === 'late') return void way.until(key).then(() => erp.create(received, response));
      const isKnown = erp.invoices.some((invoice) => invoice.key === key);
      if (way.isMade && !isKnown)
        erp.invoices.push({ id: `ERP-${1001 + erp.invoices.length}`, key, body: received.body });
    });
  }
  return {
    ...all,
    behaveFor: (number: string, way: Way): void => void ways.set(number, way),
    /** From now on every request is answered. */
    letGo: (): void => ways.clear(),
    /** The keys of the POSTs about an invoice, in order. */
    postsOf: (number: string): string[] =>
      ERP_KINDS.flatMap((kind) => all[kind].posts())
        .filter(({ body }) => numberIn(body) === number)
        .map(({ headers }) => String(headers['idempotency-key'])),
    /** The ids of the invoices made under a number. */
    invoicesOf: (number: string): string[] =>
      ERP_KINDS.flatMap((kind) => all[kind].invoices)
        .filter(({ body }) => numberIn(body) === number)
        .map(({ id }) => id),
    stop: async (): Promise<void> => {
      await Promise.all(Object.values(all).map((erp) => erp.stop()));
    },
  };
}
export type Erps = Awaited<ReturnType<typeof startErps>>;
