import type { GenerateInput, Model, ModelMessage } from './model.ts';
import { estimateTokens } from './prices.ts';

/** Of one picture, at most, roughly: what vendors count for a large one. Used for reservations only. */
const IMAGE_TOKENS = 5_000;

const BLIND = 'This model cannot see images';

export const hasImages = ({ messages }: Pick<GenerateInput, 'messages'>): boolean =>
  messages.some((message) => message.role === 'user' && (message.images?.length ?? 0) > 0);

/** The input as a model without eyes gets it: a sentence in the place of each message's pictures. */
export const withoutImages = (input: GenerateInput): GenerateInput => ({
  ...input,
  messages: input.messages.map((message): ModelMessage => {
    if (message.role !== 'user' || !message.images?.length) return message;
    const { images, attached, ...rest } = message;
    const which = images.length === 1 ? 'the picture that came' : `the ${images.length} pictures that came`;
    const told = `[${BLIND}: ${which} with this message cannot be used. Say so when it matters.]`;
    return { ...rest, attached: [attached, told].filter(Boolean).join('\n') };
  }),
});

export const asSeenBy = (model: Pick<Model, 'seesImages'>, input: GenerateInput): GenerateInput =>
  model.seesImages || !hasImages(input) ? input : withoutImages(input);

/** Tokens that go in, at most, roughly. */
export function estimateInput({ instructions, situation = '', messages, tools }: GenerateInput): number {
  let images = 0;
  const texts = messages.map((message) => {
    if (message.role !== 'user') return message;
    images += message.images?.length ?? 0;
    return { ...message, images: [] };
  });
  const text = instructions + situation + JSON.stringify(texts) + JSON.stringify(tools);
  return estimateTokens(text) + images * IMAGE_TOKENS;
}
