/** Slack's markup as plain words: names for ids as far as they are known, links as their label and address, entities as characters. */
export const slackWords = (text: string, nameOf: (userId: string) => string | undefined): string =>
  text
    .replaceAll(/<([^<>\n]{1,3000})>/g, (_, inside: string) => wordsOf(inside, nameOf))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');

function wordsOf(inside: string, nameOf: (userId: string) => string | undefined): string {
  const bar = inside.indexOf('|');
  const [target, label] = bar === -1 ? [inside, ''] : [inside.slice(0, bar), inside.slice(bar + 1)];
  if (/^@[UW]/.test(target)) return `@${nameOf(target.slice(1)) ?? (label || 'someone')}`;
  if (target.startsWith('#')) return `#${label || 'a channel'}`;
  if (target.startsWith('!')) return label || `@${target.slice(1).split('^')[0]}`;
  return label && label !== target ? `${label} (${target})` : target;
}
