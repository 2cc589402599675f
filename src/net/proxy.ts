import type { Agent } from 'node:http';
import type { Endpoint } from './endpoint.ts';
import type { OutboundPolicy } from './outbound-policy.ts';

/** The proxy to go through, or null. `environment` asks the variables that curl knows, in either case of letters. */
export function proxyFor(
  target: Endpoint,
  setting: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): string | null {
  if (setting !== 'environment') return setting;
  const read = (name: string): string => environment[name] ?? environment[name.toLowerCase()] ?? '';
  if (isExcluded(target, read('NO_PROXY'))) return null;
  const proxy = read(target.secure ? 'HTTPS_PROXY' : 'HTTP_PROXY') || read('ALL_PROXY');
  if (proxy === '') return null;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

/** Entries are host names, which cover their subdomains, with or without a port; `*` is every host. */
function isExcluded({ host, port }: Endpoint, list: string): boolean {
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = entry, wantedPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
      if (wantedPort !== undefined && Number(wantedPort) !== port) return false;
      const suffix = name.toLowerCase().replace(/^\*?\.?/, '');
      return host.toLowerCase() === suffix || host.toLowerCase().endsWith(`.${suffix}`);
    });
}

/**
 * Imported only when a proxy is used: it costs start-up time. The signal ends a connection to the proxy that is being made.
 * OUTBOUND_FORBIDDEN where the policy forbids the proxy.
 */
export async function proxyAgent(proxy: string, signal: AbortSignal, outbound: OutboundPolicy): Promise<Agent> {
  const host = URL.canParse(proxy) ? new URL(proxy).hostname.replace(/^\[|\]$/g, '') : '';
  const options = { signal, ...outbound.connectOptions(host) } as Record<string, unknown>;
  if (/^socks/i.test(proxy)) {
    const { SocksProxyAgent } = await import('socks-proxy-agent');
    // socks5h: the proxy looks the name up. socks5 would do it here, where the name may be unknown.
    return new SocksProxyAgent(proxy.replace(/^socks5:/i, 'socks5h:'), { socketOptions: options });
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return new HttpsProxyAgent(proxy, options);
}

/** What is wrong with a proxy setting, or undefined. */
export function proxyProblem(value: string | null): string | undefined {
  if (value === null || value === '' || value === 'environment') return undefined;
  const protocol = URL.canParse(value) ? new URL(value).protocol : '';
  if (['http:', 'https:', 'socks5:', 'socks5h:'].includes(protocol) && new URL(value).hostname !== '') return undefined;
  return 'Must be a URL with http://, https:// or socks5://, or the word environment';
}
