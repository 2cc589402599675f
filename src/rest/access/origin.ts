/**
 * What a web page may do to a listener that its visitor can reach. A page of another origin may send a POST without a body,
 * or with one that needs no preflight, and may point a name of its own at 127.0.0.1; neither must change anything here.
 */

/** Origins that `access.control.allow.origin` names; `*` is every one. */
export type AllowedOrigins = readonly string[];

export interface Asked {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
}

/** True for a change that a page of another origin asks for. Programs that are no browsers send neither header. */
export function isForeignWrite({ method, host, origin, fetchSite }: Asked, allowed: AllowedOrigins): boolean {
  if (['GET', 'HEAD', 'OPTIONS'].includes(method)) return false;
  if (origin !== undefined && isAllowed(origin, allowed)) return false;
  if (origin !== undefined) return !isSameOrigin(origin, host);
  return fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none';
}

export function isAllowed(origin: string, allowed: AllowedOrigins): boolean {
  return allowed.some((entry) => entry === '*' || entry.toLowerCase() === origin.toLowerCase());
}

/** True for names that can only mean this machine, and for those that the configuration adds. */
export function isKnownHost(header: string | undefined, more: readonly string[]): boolean {
  if (header === undefined) return true; // HTTP/1.0; no browser leaves it out
  const name = header.replace(/:\d+$/, '').toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === '[::1]') return true;
  return /^127\.\d+\.\d+\.\d+$/.test(name) || more.some((other) => other.toLowerCase() === name);
}

function isSameOrigin(origin: string, host: string | undefined): boolean {
  // The scheme is left out: behind a proxy that ends TLS the page's differs from ours.
  return host !== undefined && origin.toLowerCase().replace(/^https?:\/\//, '') === host.toLowerCase();
}
