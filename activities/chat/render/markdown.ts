import MarkdownIt, { type Token } from 'markdown-it';
import { escapeInvisible } from '#core/text.ts';
import { hostSet, isListed } from './links.ts';

/**
 * Prose from a model or from outside → HTML (RULES T4): no raw HTML, images dropped, a link whose host is not in `linkHosts`
 * becomes its words and its address in brackets.
 */
export function renderMarkdown(text: string, { linkHosts }: { linkHosts: readonly string[] }): string {
  return markdown.render(text, { hosts: hostSet(linkHosts) });
}

const markdown = new MarkdownIt({ html: false, linkify: false, breaks: true });
const { escapeHtml } = markdown.utils;
const shift = (tag: string): string => `h${Math.min(6, Number(tag.slice(1)) + 3)}`;

markdown.renderer.rules.image = (tokens, index) => escapeHtml(tokens[index]?.content ?? '');
markdown.renderer.rules.heading_open = (tokens, index) => `<${shift(tokens[index]?.tag ?? 'h3')}>`;
markdown.renderer.rules.heading_close = (tokens, index) => `</${shift(tokens[index]?.tag ?? 'h3')}>`;
markdown.renderer.rules.link_open = (tokens, index, _options, env) => {
  const href = hrefOf(tokens[index]);
  return isAllowed(href, env)
    ? `<a href="${escapeHtml(href)}" rel="noopener noreferrer nofollow" target="_blank">`
    : '';
};
markdown.renderer.rules.link_close = (tokens, index, _options, env) => {
  const open = openerOf(tokens, index);
  const href = hrefOf(open);
  if (isAllowed(href, env)) return '</a>';
  const isAutolink = open?.info === 'auto';
  return isAutolink ? '' : ` (${escapeHtml(escapeInvisible(href))})`;
};

const hrefOf = (token: Token | undefined): string => `${token?.attrGet('href') ?? ''}`;

/** The link_open that this link_close ends: links do not nest, so it is the nearest before. */
const openerOf = (tokens: Token[], index: number): Token | undefined =>
  tokens.slice(0, index).findLast((token) => token.type === 'link_open');

const isAllowed = (href: string, env: unknown): boolean => isListed(href, (env as { hosts: Set<string> }).hosts);
