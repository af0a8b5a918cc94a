import type { Config } from '#core/config.ts';
import { UserError } from '#core/errors.ts';
import { createAnthropic } from './anthropic.ts';
import { createGemini } from './gemini.ts';
import type { Model, Vendor } from './model.ts';
import { createOpenai } from './openai.ts';
import { createRules } from './rules.ts';

export type ModelConfig = Pick<
  Config,
  | 'ABETWORKS_MODEL'
  | 'ANTHROPIC_API_KEY'
  | 'ANTHROPIC_BASE_URL'
  | 'OPENAI_API_KEY'
  | 'OPENAI_BASE_URL'
  | 'GEMINI_API_KEY'
  | 'GOOGLE_GEMINI_BASE_URL'
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
  const found = VENDORS.find(({ key }) => config[key]);
  return found ? `${found.provider}/${found.model}` : 'rules';
}

interface VendorSetup {
  provider: Vendor;
  /** Where only a key is given. */
  model: string;
  key: 'ANTHROPIC_API_KEY' | 'OPENAI_API_KEY' | 'GEMINI_API_KEY';
  baseUrl: 'ANTHROPIC_BASE_URL' | 'OPENAI_BASE_URL' | 'GOOGLE_GEMINI_BASE_URL';
  create: (options: { apiKey: string; baseUrl?: string | undefined; model: string }) => Model;
}

/** In the order in which a key alone chooses one. */
// oxfmt-ignore
const VENDORS: readonly VendorSetup[] = [
  { provider: 'anthropic', model: 'claude-haiku-5-5', key: 'ANTHROPIC_API_KEY', baseUrl: 'ANTHROPIC_BASE_URL',     create: createAnthropic },
  { provider: 'openai',    model: 'gpt-5.4-mini',     key: 'OPENAI_API_KEY',    baseUrl: 'OPENAI_BASE_URL',        create: createOpenai },
  { provider: 'gemini',    model: 'gemini-3.8-flash', key: 'GEMINI_API_KEY',    baseUrl: 'GOOGLE_GEMINI_BASE_URL', create: createGemini },
];

function createModel(entry: string, config: ModelConfig): Model {
  if (entry === 'rules') return createRules();
  const [provider = '', ...rest] = entry.split('/');
  // A model's own name may hold slashes ("openai/meta-llama/llama-4").
  const model = rest.join('/');
  const vendor = VENDORS.find((one) => one.provider === provider);
  if (!vendor || !model)
    throw new UserError(`ABETWORKS_MODEL=${entry} must be provider/model, such as anthropic/claude-haiku-5-5.`);
  const apiKey = config[vendor.key];
  if (!apiKey) throw new UserError(`${vendor.key} must be set for ABETWORKS_MODEL=${entry}.`);
  return vendor.create({ apiKey, baseUrl: config[vendor.baseUrl], model });
}

const describeModel = (model: Model): string =>
  model.provider === 'rules' ? 'rules (rule-based, no AI)' : `${model.provider}/${model.name}`;
