import type { Config } from '#core/config.ts';
import { UserError } from '#core/errors.ts';
import { createAnthropic } from './anthropic.ts';
import type { Model } from './model.ts';
import { createOpenai } from './openai.ts';
import { createRules } from './rules.ts';

export type ModelConfig = Pick<
  Config,
  'ABETWORKS_MODEL' | 'ANTHROPIC_API_KEY' | 'ANTHROPIC_BASE_URL' | 'OPENAI_API_KEY' | 'OPENAI_BASE_URL'
>;

interface Models {
  /** In the order they are tried. What is not listed is not tried: `rules` only where it was asked for, or where nothing else is set. */
  chain: readonly Model[];
  /** One line for logs and the panel: "anthropic/claude-haiku-5-5, then openai/gpt-5.4-mini". */
  describe(): string;
}

/** The models of the first org, from the environment (RULES D7). Throws `UserError` for an entry that cannot work. */
export function createModels(config: ModelConfig): Models {
  const entries = config.ABETWORKS_MODEL?.length ? config.ABETWORKS_MODEL : [defaultEntry(config)];
  const chain = entries.map((entry) => createModel(entry, config));
  return { chain, describe: () => chain.map(describeModel).join(', then ') };
}

/** For every org that has connected no model of its own (RULES D7). */
export const rulesModel = (): Model => createRules();

function defaultEntry(config: ModelConfig): string {
  if (config.ANTHROPIC_API_KEY) return 'anthropic/claude-haiku-5-5';
  return config.OPENAI_API_KEY ? 'openai/gpt-5.4-mini' : 'rules';
}

function createModel(entry: string, config: ModelConfig): Model {
  if (entry === 'rules') return createRules();
  const [provider = '', ...rest] = entry.split('/');
  // A model's own name may hold slashes ("openai/meta-llama/llama-4").
  const model = rest.join('/');
  if (provider === 'gemini')
    throw new UserError(
      `ABETWORKS_MODEL=${entry}: Gemini is not available yet. Use anthropic/…, openai/… or rules instead.`,
    );
  if (provider === 'anthropic' && model)
    return createAnthropic({
      apiKey: keyFor(entry, 'ANTHROPIC_API_KEY', config),
      baseUrl: config.ANTHROPIC_BASE_URL,
      model,
    });
  if (provider === 'openai' && model)
    return createOpenai({ apiKey: keyFor(entry, 'OPENAI_API_KEY', config), baseUrl: config.OPENAI_BASE_URL, model });
  throw new UserError(`ABETWORKS_MODEL=${entry} must be provider/model, such as anthropic/claude-haiku-5-5.`);
}

function keyFor(entry: string, name: 'ANTHROPIC_API_KEY' | 'OPENAI_API_KEY', config: ModelConfig): string {
  const key = config[name];
  if (!key) throw new UserError(`${name} must be set for ABETWORKS_MODEL=${entry}.`);
  return key;
}

const describeModel = (model: Model): string =>
  model.provider === 'rules' ? 'rules (rule-based, no AI)' : `${model.provider}/${model.name}`;
