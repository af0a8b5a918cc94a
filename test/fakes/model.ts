import { LLMock } from '@copilotkit/aimock';

/** One answer: prose, or tool calls with their arguments. */
type Step = string | { [tool: string]: object };

/** A model over HTTP that does as it is told, and remembers what it was sent. */
export async function startModel() {
  const mock = new LLMock({ port: 0 });
  await mock.start();
  return {
    /** Points the product at it. */
    env: { ABETWORKS_MODEL: 'anthropic/claude-haiku-4-5', ANTHROPIC_API_KEY: 'test-key', ANTHROPIC_BASE_URL: mock.url },
    /** To a request that says `words`: the steps in order, one for each turn. */
    answers: (words: string, ...steps: Step[]): void => {
      for (const [at, step] of steps.entries())
        mock.addFixture({
          match: {
            predicate: ({ messages }) => {
              const asked = messages.findLastIndex(({ role }) => role === 'user');
              const turns = messages.slice(asked).filter(({ role }) => role === 'assistant').length;
              return turns === at && JSON.stringify(messages[asked]?.content).includes(words);
            },
          },
          response: typeof step === 'string' ? { content: step } : { content: '', toolCalls: callsOf(step) },
        });
    },
    /** Everything it was ever sent, as one text. */
    heard: (): string => JSON.stringify(mock.getRequests().map(({ body }) => body)),
    stop: () => mock.stop(),
  };
}
export type FakeModel = Awaited<ReturnType<typeof startModel>>;

const callsOf = (step: Exclude<Step, string>) =>
  Object.entries(step).map(([name, input]) => ({ name, arguments: JSON.stringify(input) }));
