import type { Config } from '#core/config.ts';

type Where = Pick<Config, 'SLACK_API_URL'>;

const REAL = /(^|\.)slack(-gov)?\.com$/;
/** What Slack's `url_private` and public file links begin with, and where the former redirect to: openclaw/openclaw#63523, NousResearch/hermes-agent#114483. */
const FILES = /^(files(-origin|-edge)?\.slack(-gov)?\.com|([a-z0-9-]+\.)?slack-files(-gov)?\.com)$/;
/** An Enterprise's own host, or a workspace's: its files only. The same host signs people in, and a token has no business there. */
const OWN_FILES = /^([a-z0-9-]+\.){1,2}slack(-gov)?\.com\/files-pri\//;
const HOOKS = /^hooks\.slack(-gov)?\.com$/;
/** This machine, by any of its names: a Slack of the tests may give its addresses by another one. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Where files lie and a token may be shown: Slack's own hosts over https, or, where SLACK_API_URL is another place, that place alone. */
export const fileAddress = (config: Where, url: string): URL | undefined =>
  allowed(config, url, ({ hostname, pathname }) => FILES.test(hostname) || OWN_FILES.test(hostname + pathname));

/** Where a `response_url` may point. */
export const hookAddress = (config: Where, url: string): URL | undefined =>
  allowed(config, url, ({ hostname }) => HOOKS.test(hostname));

function allowed(config: Where, text: string, isRight: (url: URL) => boolean): URL | undefined {
  const url = URL.parse(text);
  if (!url || url.username || url.password) return undefined;
  const { hostname } = new URL(config.SLACK_API_URL);
  if (!REAL.test(hostname)) {
    const isSame = url.hostname === hostname || (LOOPBACK.test(hostname) && LOOPBACK.test(url.hostname));
    return /^https?:$/.test(url.protocol) && isSame ? url : undefined;
  }
  return url.protocol === 'https:' && url.port === '' && isRight(url) ? url : undefined;
}
