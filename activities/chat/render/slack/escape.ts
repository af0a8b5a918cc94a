import { storable } from '#core/text.ts';

/**
 * Text → mrkdwn that cannot mention, link or mask: without `<`, Slack finds no `<!channel>`, `<@U…>`, `<#C…>` or `<url|other words>` in it. Nothing else is
 * escaped: mrkdwn has no escape for `*_~` and the backtick, and an invisible character between them would change what people read and copy. So mrkdwn carries
 * only a message's `text`, for notifications; whatever is shown is rich text or plain_text, which Slack never parses.
 */
export const escapeMrkdwn = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** The reverse of `escapeMrkdwn`. */
export const unescapeMrkdwn = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');

// Embeddings, overrides and isolates turn the text around them; marks (U+200E, U+200F), which right-to-left prose needs, stay.
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** Prose from anywhere, as an element may hold it: well-formed, without control characters, and nothing in it turns an address around. */
export const cleanProse = (text: string): string =>
  storable(text.replaceAll(/\r\n?/g, '\n').replaceAll(TURNING, '')).replaceAll(CONTROLS, '\ufffd');

/** Literal text, whose invisible characters are escapes already. */
export const cleanLiteral = (text: string): string => storable(text).replaceAll(CONTROLS, '\ufffd');
