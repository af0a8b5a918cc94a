import { type IncomingMessage, type Server, createServer } from 'node:http';
import { createAnthropic } from './anthropic.ts';
import { createGemini } from './gemini.ts';
import { type GenerateInput, type Model, ModelError } from './model.ts';
import { createOpenai } from './openai.ts';

interface Answer {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** `stalls`: the answer begins and never ends. `breaks`: the line drops in its middle. */
  cut?: 'stalls' | 'breaks';
}
export interface VendorCall {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

const open: Server[] = [];

/** Ends every server; call it after each test. */
export async function closeVendors(): Promise<void> {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

/** A vendor that answers what the test says; null never answers. */
export async function vendor(answer: (call: VendorCall) => Answer | null) {
  const calls: VendorCall[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const call = {
      path: request.url ?? '',
      headers: request.headers,
      body: JSON.parse(text) as Record<string, unknown>,
    };
    calls.push(call);
    const given = answer(call);
    if (!given) return;
    const body = typeof given.body === 'string' ? given.body : JSON.stringify(given.body ?? {});
    const length = given.cut === 'breaks' ? { 'content-length': String(Buffer.byteLength(body) * 2) } : {};
    response.writeHead(given.status ?? 200, { 'content-type': 'application/json', ...length, ...given.headers });
    if (given.cut) response.write(body, () => given.cut === 'breaks' && response.destroy());
    else response.end(body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  open.push(server);
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const anthropic = (timeoutMs = 5_000) =>
    createAnthropic({ apiKey: 'k-secret', baseUrl: url, model: 'claude-x', timeoutMs });
  const openai = (timeoutMs = 5_000) =>
    createOpenai({ apiKey: 'k-secret', baseUrl: `${url}/v1`, model: 'local/llama', timeoutMs });
  const gemini = (timeoutMs = 5_000, model = 'gemini-3.8-flash') =>
    createGemini({ apiKey: 'k-secret', baseUrl: `${url}/v1beta`, model, timeoutMs });
  const all = (timeoutMs?: number): Model[] => [anthropic(timeoutMs), openai(timeoutMs), gemini(timeoutMs)];
  return { url, calls, anthropic, openai, gemini, all };
}

export const input = (more: Partial<GenerateInput> = {}): GenerateInput => ({
  instructions: 'Be brief.',
  messages: [{ role: 'user', text: 'hello' }],
  tools: [],
  limits: { outputTokens: 64 },
  signal: new AbortController().signal,
  ...more,
});

export const message = (more: object = {}) => ({
  id: 'm',
  type: 'message',
  role: 'assistant',
  content: [{ type: 'text', text: 'hi' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: 3, output_tokens: 2 },
  ...more,
});
export const completion = (choice: object = {}, more: object = {}) => ({
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi' }, ...choice }],
  usage: { prompt_tokens: 100, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 90 } },
  ...more,
});
export const candidate = (more: object = {}, rest: object = {}) => ({
  candidates: [{ content: { role: 'model', parts: [{ text: 'hi' }] }, finishReason: 'STOP', ...more }],
  usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 2 },
  ...rest,
});
/** The plain answer of the vendor whose address was called. */
export const answerOf = ({ path }: VendorCall): object => {
  if (path.includes('generateContent')) return candidate();
  return path.includes('messages') ? message() : completion();
};

/** The failure of a call that must fail. */
export async function failure(model: Model, given: GenerateInput = input()): Promise<ModelError> {
  const error = await model.generate(given).catch((caught: unknown) => caught);
  if (error instanceof ModelError) return error;
  throw new Error(`expected a ModelError, got ${String(error)}`);
}
