import type { Action } from '#activities/integrations/connector.ts';
import { cut } from '#core/text.ts';
import type { JsonObject } from '#core/tools.ts';
import { parseArguments } from './parse.ts';
import { scalarText } from './path.ts';
import { prepareRequest } from './prepare.ts';
import { sendRequest } from './send.ts';
import type { StoredAction, StoredSettings } from './settings.ts';
import { withoutTexts } from './view.ts';

/** A stored action as the rest of the product sees it. What an admin wrote by hand is ours; what a document says is outside until the connection is trusted (RULES T1). */
export function actionOf(
  stored: StoredAction,
  { baseUrl }: StoredSettings,
  connection: { name: string; isTrusted: boolean },
): Action {
  const isOutside = stored.origin === 'document' && !connection.isTrusted;
  const ownWords = `${stored.title} · ${stored.method} ${cut(stored.path, 200)} on ${connection.name}`;
  const description = stored.description || ownWords;
  return {
    name: stored.name,
    description,
    isDescriptionOutside: isOutside,
    modelDescription: isOutside ? ownWords : description,
    effect: stored.effect,
    input: isOutside ? withoutTexts(stored.input) : stored.input,
    idempotency: stored.idempotency,
    isResultOutside: !connection.isTrusted,
    parse: (input) => parseArguments(stored.input, input),
    prepare: (input) => prepareRequest(baseUrl, stored, input),
    preview: (input) => previewOf(stored, input, connection.name),
    run: async (context, { request }) => {
      if (request === null) throw new Error('a rest action was run without its request');
      return sendRequest(context, request, stored, { name: connection.name, baseUrl });
    },
  };
}

/** "Create invoice INV-77 in ERP (POST /invoices)". */
function previewOf({ title, method, path, params }: StoredAction, input: JsonObject, name: string): string {
  const inPath = params.filter((param) => param.in === 'path').map(({ arg }) => arg);
  const telling = [
    'id',
    'number',
    'name',
    'title',
    'subject',
    'reference',
    ...Object.keys(input).filter((arg) => /(_id|Id|_number|Number|_no)$/.test(arg)),
  ];
  const args = inPath.length > 0 ? inPath : telling.filter((arg) => Object.hasOwn(input, arg)).slice(0, 1);
  const values = args.flatMap((arg) => {
    const value = Object.hasOwn(input, arg) ? input[arg] : undefined;
    return value === undefined || value === null ? [] : [cut(scalarText(value), 60)];
  });
  return `${[title, values.join(', ')].filter((part) => part !== '').join(' ')} in ${name} (${method} ${cut(path, 100)})`;
}
