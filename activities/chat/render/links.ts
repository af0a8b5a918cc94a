/** Whether a link may stay one (RULES T4): a web address without a user name, its host and port on the org's list. */
export function isListed(href: string, hosts: ReadonlySet<string>): boolean {
  if (!URL.canParse(href)) return false;
  const url = new URL(href);
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:';
  return isWeb && url.username === '' && url.password === '' && hosts.has(url.host);
}

export const hostSet = (linkHosts: readonly string[]): ReadonlySet<string> =>
  new Set(linkHosts.map((host) => host.toLowerCase()));
