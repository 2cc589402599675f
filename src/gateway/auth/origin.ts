/** Whether a browser's page may talk to the gateway (PROTOCOL.md, section 9.5). Pure. */
export interface OriginRules {
  /** `https://app.example`, `https://*.example.org` (subdomains), or `*`. */
  readonly origins: readonly string[];
  /** Further names of ours, where nobody is authenticated. */
  readonly hosts: readonly string[];
  readonly isTls: boolean;
}

/** No Origin: not a browser. */
export function isOriginAllowed(origin: string | undefined, host: string | undefined, rules: OriginRules): boolean {
  if (origin === undefined) return true;
  if (rules.origins.includes(origin) || rules.origins.includes('*')) return true;
  const url = parse(origin);
  if (url === undefined) return false;
  if (host !== undefined && url.host === normalHost(host, url.protocol) && isOwnScheme(url.protocol, rules))
    return true;
  return rules.origins.some((allowed) => fits(url, allowed));
}

/** Against DNS rebinding: a page of another name must not reach a gateway that asks nobody who they are. */
export function isHostAllowed(host: string | undefined, hosts: readonly string[]): boolean {
  if (host === undefined) return false;
  if (hosts.includes('*')) return true;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name))
    return true;
  return hosts.some((allowed) => allowed.toLowerCase() === name || allowed.toLowerCase() === host.toLowerCase());
}

/** Behind a proxy that ends TLS the page is https while we are not. */
function isOwnScheme(protocol: string, { isTls }: OriginRules): boolean {
  return protocol === 'https:' || (protocol === 'http:' && !isTls);
}

function fits(origin: URL, allowed: string): boolean {
  const wildcard = /^(https?:)\/\/\*\.([^/:]+)(?::(\d+))?$/.exec(allowed);
  if (wildcard !== null) {
    const [, protocol, domain, port = ''] = wildcard;
    return (
      origin.protocol === protocol && origin.port === port && origin.hostname.endsWith(`.${domain!.toLowerCase()}`)
    );
  }
  const url = parse(allowed);
  return url !== undefined && url.protocol === origin.protocol && url.host === origin.host;
}

/** An origin has a scheme and a host and nothing else. */
function parse(origin: string): URL | undefined {
  if (!/^https?:\/\/[^/?#@\s]+$/i.test(origin)) return undefined;
  return URL.canParse(origin) ? new URL(origin) : undefined;
}

function normalHost(host: string, protocol: string): string {
  const text = `${protocol}//${host}`;
  return URL.canParse(text) ? new URL(text).host : host;
}
