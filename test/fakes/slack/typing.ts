import type { World } from './world.ts';
import type { Json } from './words.ts';

/** `@ana` becomes her mention, addresses become links, and `& < >` are escaped: what Slack's own client sends. */
export function typed(world: World, text: string): string {
  const token = /<[@#!][^>]+>|<https?:[^>]+>|https?:\/\/[^\s<>]+|[\w.+-]+@[\w-]+\.[\w.-]*\w|@[\w-]+|[&<>]/g;
  return text.replaceAll(token, (found) => {
    if (found === '&') return '&amp;';
    if (found === '<') return '&lt;';
    if (found === '>') return '&gt;';
    if (found.startsWith('<')) return found;
    if (/^https?:/.test(found)) return `<${found.replaceAll('&', '&amp;')}>`;
    if (!found.startsWith('@')) return `<mailto:${found}|${found}>`;
    const name = found === '@bot' ? world.settled.botName : found.slice(1);
    const person = world.userNamed(name);
    return person ? `<@${person['user_id']}>` : found;
  });
}

/** The rich_text block Slack sends beside a person's text. */
export function richBlocks(text: string): Json[] {
  const plain = (value: string) => value.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  const elements = text.split(/(<[^>]+>)/).flatMap((part): Json[] => {
    if (part === '') return [];
    const [, kind = '', rest = ''] = /^<([@#!]?)([^>]*)>$/.exec(part) ?? [];
    if (!part.startsWith('<')) return [{ type: 'text', text: plain(part) }];
    if (kind === '@') return [{ type: 'user', user_id: rest.split('|')[0] }];
    if (kind === '#') return [{ type: 'channel', channel_id: rest.split('|')[0] }];
    if (kind === '!') return [{ type: 'broadcast', range: rest }];
    const [url, label] = rest.split('|');
    return [{ type: 'link', url: plain(url ?? ''), ...(label ? { text: plain(label) } : {}) }];
  });
  return [{ type: 'rich_text', block_id: 'rich', elements: [{ type: 'rich_text_section', elements }] }];
}
