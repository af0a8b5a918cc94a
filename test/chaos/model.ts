import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

const zAsked = z.object({ messages: z.array(z.object({ role: z.string(), content: z.string().nullish() })) });

/** Called before an answer: what it waits for, the answer waits for. */
type Hook = () => Promise<unknown>;
export type ModelCall = 'first' | 'last';

/**
 * An OpenAI-compatible model over HTTP. Asked to "post invoice N to X" it calls `x_createInvoice`, and answers in words when it has the result.
 * Its answer to one invoice can be held.
 */
export async function startModel() {
  const hooks = new Map<string, Hook>();
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const { messages } = zAsked.parse(JSON.parse(text));
    const last = messages.findLast(({ role }) => role === 'user')?.content ?? '';
    const [, number = '', erp = ''] = /invoice (\S+) over 42 EUR to (\w+)/.exec(last) ?? [];
    const call: ModelCall = messages.at(-1)?.role === 'tool' ? 'last' : 'first';
    asked.push(number);
    await hooks.get(`${number} ${call}`)?.();
    const input = JSON.stringify({ number, amount: 42, currency: 'EUR' });
    const calls = [
      { id: 'call_1', type: 'function', function: { name: `${erp.toLowerCase()}_createInvoice`, arguments: input } },
    ];
    const message =
      call === 'last'
        ? { role: 'assistant', content: 'That was it.' }
        : { role: 'assistant', content: null, tool_calls: calls };
    const choices = [{ index: 0, finish_reason: call === 'last' ? 'stop' : 'tool_calls', message }];
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        id: 'x',
        object: 'chat.completion',
        created: 0,
        model: 'm',
        choices,
        usage: { prompt_tokens: 10, completion_tokens: 10 },
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    /** How often it was asked about an invoice. */
    timesAsked: (number: string): number => asked.filter((one) => one === number).length,
    before: (number: string, call: ModelCall, hook: Hook): void => void hooks.set(`${number} ${call}`, hook),
    /** Ends every held answer unanswered, and holds no more. */
    letGo: (): void => {
      hooks.clear();
      server.closeAllConnections();
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
export type ChaosModel = Awaited<ReturnType<typeof startModel>>;
