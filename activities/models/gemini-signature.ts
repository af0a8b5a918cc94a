/**
 * Gemini 3 and later put an encrypted thought signature beside the first call of an answer and refuse the next turn (400)
 * without it. It travels in the call's id, the one thing of a vendor's that our history keeps as it was given:
 * `gemini#<model>#<vendor's id>#<length>#<signature>`. The length tells when it was cut on the way.
 */

/** The documented way out where there is no signature, such as for a call another model made. It costs the model its train of thought. */
const NO_SIGNATURE = 'skip_thought_signature_validator';

interface Given {
  id: string | null | undefined;
  signature: string | null | undefined;
  model: string;
  /** Of the call within its answer: keeps ids apart when the vendor gives none. */
  index: number;
}

/** The id our history keeps for a call. A call with nothing to remember gets a plain one. */
export function idWithSignature({ id, signature, model, index }: Given): string {
  if (!id && !signature) return `call_${index + 1}`;
  return ['gemini', model, id ?? '', signature?.length ?? 0, signature ?? ''].join('#');
}

/**
 * What goes back to the vendor beside a call. Signatures and ids mean nothing to another model; only the first call of an
 * answer needs a signature, and models before Gemini 3 need none.
 */
export function readSignature(
  givenId: string,
  model: string,
  { isFirst = false }: { isFirst?: boolean } = {},
): { id?: string; signature?: string } {
  const [, from, id, length, signature = ''] = /^gemini#([^#]*)#([^#]*)#(\d+)#(.*)$/s.exec(givenId) ?? [];
  const isOurs = from === model;
  const own = isOurs && signature !== '' && signature.length === Number(length) ? signature : undefined;
  const needed = own ?? (isFirst && !/gemini-[12]\b/.test(model) ? NO_SIGNATURE : undefined);
  return { ...(isOurs && id && { id }), ...(needed !== undefined && { signature: needed }) };
}
