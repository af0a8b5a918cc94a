/** Whom a text begins by calling. */
export const LEADING_MENTION = /^\s*<@([A-Z0-9]+)(?:\|[^>]*)?>[\s,:;–-]*/;
// What Slack puts between angle brackets; people's own brackets arrive as entities.
const MARK = /<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>/g;

/** Names of people by their ids. */
type Names = ReadonlyMap<string, string>;

/** Slack's markup → the words a person sees, without the mention of the bot that it begins with. Entities are decoded once. */
export function plainText(text: string, { botUserId, names }: { botUserId?: string | undefined; names?: Names } = {}) {
  const called = LEADING_MENTION.exec(text);
  const own = called && called[1] === botUserId ? text.slice(called[0].length) : text;
  // In one pass over each part: what an entity decodes to is never read as markup.
  const parts: string[] = [];
  let end = 0;
  for (const match of own.matchAll(MARK)) {
    parts.push(decode(own.slice(end, match.index)), wordFor(match, names));
    end = match.index + match[0].length;
  }
  parts.push(decode(own.slice(end)));
  return parts.join('');
}

function wordFor([whole, kind = '', target = '', label]: RegExpExecArray, names: Names | undefined): string {
  const said = label === undefined ? undefined : decode(label);
  if (kind === '@') return `@${names?.get(target) ?? (said || target)}`;
  if (kind === '#') return `#${said || target}`;
  if (kind === '!') return bang(target, said);
  return target ? link(decode(target), said) : whole;
}

/** `!here`, `!subteam^S1|@team`, `!date^1700000000^{date}^link|fallback`. */
function bang(target: string, label: string | undefined): string {
  const [name = '', id = ''] = target.split('^');
  if (name === 'date') return label ?? '';
  if (name === 'subteam') return label ? `@${label.replace(/^@/, '')}` : `@${id}`;
  return label ?? `@${name}`;
}

function link(url: string, label: string | undefined): string {
  const place = url.replace(/^(mailto|tel):/, '');
  // Slack writes example.com as <http://example.com|example.com>.
  const isSame = !label || [place, url].some((shown) => shown === label || shown.endsWith(`//${label}`));
  return isSame ? (label && place !== url ? label : place) : `${label} (${place})`;
}

/** Slack escapes these three and no others. */
const decode = (text: string): string =>
  text.replaceAll(/&(amp|lt|gt);/g, (_, name: 'amp' | 'lt' | 'gt') => ({ amp: '&', lt: '<', gt: '>' })[name]);
