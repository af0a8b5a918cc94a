import { isObject, textOf, type Json } from './words.ts';

/** What a person sees of a message: the text of all blocks with buttons as `[Label]`, or the text when there are none. */
export function readable(message: Json): string {
  const blocks: unknown = message['blocks'];
  const files: Json[] = message['files'] ?? [];
  const shown = Array.isArray(blocks) && blocks.length > 0 ? blocks.map(blockText) : [textOf(message['text'])];
  return [...shown, ...files.map((file) => `(file: ${file['name']})`)].filter((line) => line !== '').join('\n');
}

function blockText(block: unknown): string {
  if (!isObject(block)) return '';
  const { type } = block;
  if (type === 'divider') return '---';
  if (type === 'image') return `(image: ${block['alt_text']})`;
  if (type === 'markdown') return textOf(block['text']);
  if (type === 'table' || type === 'data_table')
    return block['rows'].map((row: Json[]) => row.map(cellText).join(' | ')).join('\n');
  if (type === 'plan') return [block['title'], ...(block['tasks'] ?? []).map(blockText)].join('\n');
  if (type === 'task_card')
    return [`(${block['status']}) ${block['title']}`, blockText(block['details']), blockText(block['output'])]
      .filter(Boolean)
      .join('\n');
  if (type === 'rich_text') return block['elements'].map(richText).join('\n');
  if (type === 'input')
    return [elementText(block['label']), elementText(block['element']), elementText(block['hint'])]
      .filter(Boolean)
      .join('\n');
  const parts = [block['title'], block['subtitle'], block['text'], block['body'], ...(block['fields'] ?? [])];
  const inside = [...(block['elements'] ?? []), ...(block['actions'] ?? []), block['accessory']];
  const children = (block['child_blocks'] ?? []).map(blockText);
  const isRow = type === 'actions' || type === 'context' || type === 'context_actions';
  const row = inside
    .map(elementText)
    .filter(Boolean)
    .join(isRow ? ' ' : '\n');
  return [...parts.map(elementText), row, ...children].filter(Boolean).join('\n');
}

function elementText(element: unknown): string {
  if (typeof element === 'string') return element;
  if (!isObject(element)) return '';
  const { type } = element;
  if (type === 'plain_text' || type === 'mrkdwn') return textOf(element['text']);
  if (type === 'image') return `(image: ${element['alt_text']})`;
  if (type === 'card') return blockText(element);
  if (type === 'feedback_buttons')
    return [element['positive_button'], element['negative_button']].map((one) => `[${one?.text?.text}]`).join(' ');
  if (type === 'button' || type === 'icon_button' || type === 'workflow_button') return `[${element['text']?.text}]`;
  if (Array.isArray(element['options']))
    return `<${element['placeholder']?.text ?? ''}: ${element['options'].map((one: Json) => one['text']?.text).join(', ')}>`;
  if (type === 'plain_text_input') return `<${element['initial_value'] ?? element['placeholder']?.text ?? ''}>`;
  return `<${String(type)}>`;
}

const cellText = (cell: Json): string =>
  cell['type'] === 'rich_text' ? blockText(cell) : String(cell['text'] ?? cell['value'] ?? '');

function richText(element: Json): string {
  if (element['type'] === 'rich_text_list')
    return element['elements'].map((one: Json) => `- ${richText(one)}`).join('\n');
  return (element['elements'] ?? [])
    .map((one: Json) => one['text'] ?? (one['url'] || (one['user_id'] && `<@${one['user_id']}>`)) ?? '')
    .join('');
}

/** Every place of a message that Slack reads as mrkdwn or markdown, one string each. */
export function markupOf(message: Json): string[] {
  const found = [textOf(message['text'])];
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(walk);
    if (!isObject(value)) return;
    const isMarkup = value['type'] === 'mrkdwn' || value['type'] === 'markdown';
    if (isMarkup && typeof value['text'] === 'string') found.push(value['text']);
    Object.values(value).forEach(walk);
  };
  walk(message['blocks']);
  return found.filter((text) => text !== '');
}

/** What would notify somebody or link a channel: `<@U…>`, `<!channel>`, `<#C…>`; dates do not count. */
export const mentions = (message: Json): string[] =>
  markupOf(message).flatMap((text) => text.match(/<(?:@|#|!(?!date\^))[^>\s]*>?/g) ?? []);

/** Every element that can be clicked, with the block it is in and its label. */
export function clickables(blocks: unknown): { block: Json; element: Json; label: string }[] {
  if (!Array.isArray(blocks)) return [];
  return blocks.filter(isObject).flatMap((block) => {
    const inside = [...(block['elements'] ?? []), ...(block['actions'] ?? []), block['accessory'], block['element']];
    const own = inside.filter(isObject).flatMap((element) => {
      if (element['type'] === 'card') return clickables([element]);
      if (element['type'] !== 'feedback_buttons') return [{ block, element, label: labelOf(element) }];
      return [element['positive_button'], element['negative_button']].map((side: Json) => ({
        block,
        element: { ...element, ...side },
        label: textOf(side['text']?.text),
      }));
    });
    return [...own, ...clickables(block['child_blocks'])];
  });
}

const labelOf = (element: Json): string => textOf(element['text']?.text) || textOf(element['placeholder']?.text);
