import type { Action } from '#activities/integrations/connector.ts';
import { humanise } from '#activities/integrations/rest/names.ts';
import { parseArguments } from '#activities/integrations/rest/parse.ts';
import { withoutTexts } from '#activities/integrations/rest/view.ts';
import { cut } from '#core/text.ts';
import type { JsonObject } from '#core/tools.ts';
import { execute, prepareExecute } from './execute.ts';
import type { StoredModule, StoredSettings } from './settings.ts';

/** A module may take this long (docs/modules.md). */
const EXECUTE_MS = 60_000;

/** A module as the rest of the product sees it. What its server says about it is outside text: models get our words and its names (RULES T1). */
export function actionOf(
  module: StoredModule,
  { baseUrl }: StoredSettings,
  connection: { name: string; isTrusted: boolean },
  off: string | null,
): Action {
  const title = humanise(module.id) || module.id;
  const ownWords = `${title} · module ${module.id} of ${connection.name}`;
  const said = [module.label === title ? '' : module.label, module.description].filter((part) => part !== '');
  const description = said.join(': ') || ownWords;
  const isOutside = !connection.isTrusted && said.length > 0;
  return {
    name: module.name,
    moduleId: module.id,
    description,
    isDescriptionOutside: isOutside,
    modelDescription: isOutside ? ownWords : description,
    effect: module.effect,
    input: connection.isTrusted ? module.input : withoutTexts(module.input),
    idempotency: module.idempotency,
    isResultOutside: !connection.isTrusted,
    timeoutMs: EXECUTE_MS,
    ...(off === null ? {} : { off }),
    parse: (input) => parseArguments(module.input, input),
    prepare: (input) => prepareExecute(baseUrl, module, input),
    preview: (input) => previewOf(title, input, connection.name),
    run: async (context, { request }) => {
      if (request === null) throw new Error('a module was run without its request');
      return execute(context, request, module, { name: connection.name, baseUrl });
    },
  };
}

/** "Run table (statistics) in Analytics". */
function previewOf(title: string, input: JsonObject, name: string): string {
  const telling = ['operation', 'action', 'id', 'number', 'name', 'title', 'subject', 'reference']
    .map((field) => (Object.hasOwn(input, field) ? input[field] : undefined))
    .find((value) => typeof value === 'string' || typeof value === 'number');
  return `Run ${title}${telling === undefined ? '' : ` (${cut(String(telling), 60)})`} in ${name}`;
}
