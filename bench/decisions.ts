import { z } from 'zod';
import { p50, p99, type Line } from './figures.ts';
import type { Ground } from './ground.ts';
import { ask } from './person.ts';

const zPending = z.object({
  items: z.array(z.object({ id: z.string(), runId: z.string(), payloadSha256: z.string() })),
});

/** A write that waits for a person: until its card is stored, and from the click until the other system has the call. */
export async function measureDecisions({ ana, bo, erp, watch }: Ground, count: number): Promise<Line[]> {
  const cards: number[] = [];
  const effects: number[] = [];
  const answered: number[] = [];
  const arrivals = new Map<string, (at: number) => void>();
  erp.behave((received, response) => {
    const at = performance.now();
    arrivals.get(/INV-\d+/.exec(received.body)?.[0] ?? '')?.(at);
    erp.create(received, response);
  });
  for (let at = 0; at < count; at += 1) {
    const number = `INV-${1000 + at}`;
    const begun = performance.now();
    const { runId } = await ask(ana, `post invoice ${number} over 4200 EUR to the ERP`);
    cards.push((await watch.carded(runId)) - begun);
    const { items } = zPending.parse(await bo.get('/api/v1/approvals?status=pending&limit=100'));
    const approval = items.find((item) => item.runId === runId);
    if (!approval) throw new Error(`no approval of ${number} waits`);
    const arrived = new Promise<number>((resolve) => arrivals.set(number, resolve));
    const { id, payloadSha256 } = approval;
    const clicked = performance.now();
    const click = bo.post(`/api/v1/approvals/${id}/decision`, { decision: 'approve', payloadSha256 }, 200);
    const done = click.then(() => performance.now());
    effects.push((await arrived) - clicked);
    answered.push((await done) - clicked);
    await watch.ended(runId);
  }
  erp.behave(null);
  return [
    { what: 'request → approval card stored, p50', value: p50(cards), unit: 'ms', aim: { most: 120 } },
    { what: 'request → approval card stored, p99', value: p99(cards), unit: 'ms' },
    { what: 'click → the other system has the call, p50', value: p50(effects), unit: 'ms', aim: { most: 30 } },
    { what: 'click → the other system has the call, p99', value: p99(effects), unit: 'ms' },
    { what: 'click → answered, p50', value: p50(answered), unit: 'ms' },
  ];
}
