import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

// A child process: a model that answers at once, in the words of OpenAI's chat completions. It reads no more than it must, since its work is
// not what is measured: "invoice N" in the last message asks for the ERP's tool, anything else gets one sentence.

const wrap = (message: object, reason: string): string =>
  JSON.stringify({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 0,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, finish_reason: reason, message }],
    usage: { prompt_tokens: 200, completion_tokens: 20, total_tokens: 220 },
  });

const words = wrap({ role: 'assistant', content: 'All is well.' }, 'stop');
const toolCall = (number: string): string =>
  wrap(
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: 'call_1',
          type: 'function',
          function: {
            name: 'erp_createInvoice',
            arguments: JSON.stringify({ number, amount: 4200, currency: 'EUR' }),
          },
        },
      ],
    },
    'tool_calls',
  );

/** Tools come after the messages in a request, so the last role named there is the last message's. */
function answerTo(request: string): string {
  const messages = request.slice(0, request.lastIndexOf('"tools":[') + 1 || undefined);
  const last = messages.slice(messages.lastIndexOf('"role":"'));
  if (last.startsWith('"role":"tool"')) return words;
  const number = /invoice (INV-\d+)/.exec(last)?.[1];
  return number === undefined ? words : toolCall(number);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(answerTo(Buffer.concat(chunks).toString()));
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.once('disconnect', () => process.exit(0));
