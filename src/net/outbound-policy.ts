/**
 * Which hosts connections may go to. A source is a fetcher of URLs whose answers land in a topic: who may configure one from
 * elsewhere could read what only this machine can reach. The address that is checked is the address that is connected:
 * the check stands in the name lookup of the connection itself, so that a name that changes its mind gains nothing.
 */
import { type LookupAddress, type LookupOptions, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { TributaryError } from '../base/errors.ts';
import { isPublicAddress, namedHosts } from './address.ts';

export interface OutboundPolicy {
  /**
   * For `net.connect` and `tls.connect`: where names are looked up. OUTBOUND_FORBIDDEN at once for a host that is an
   * address by itself (no name lookup would happen for it), and from the lookup for a name without an allowed address.
   */
  connectOptions(host: string): { readonly lookup?: LookupFunction };
  /** What to ask a proxy for in place of the host: proxies look names up themselves, where no one checks them. */
  proxied(host: string): Promise<string>;
}

/** Everything is allowed. */
export const unrestricted: OutboundPolicy = {
  connectOptions: () => ({}),
  proxied: (host) => Promise.resolve(host),
};

export type Lookup = (
  host: string,
  options: LookupOptions & { readonly all: true },
  answer: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Public addresses, and what `allow` names (entries of `namedHosts`). */
export function publicOnly(allow: readonly string[], lookup: Lookup = systemLookup): OutboundPolicy {
  const allowed = namedHosts(allow);
  const mayReach = (address: string): boolean => isPublicAddress(address) || allowed.hasAddress(address);

  const checkedLookup: LookupFunction = (host, options, answer) => {
    lookup(host, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return answer(error, []);
      const kept = addresses.filter(({ address }) => mayReach(address));
      if (kept.length === 0) return answer(forbidden(host), []);
      if (options.all) return answer(null, kept);
      answer(null, kept[0]!.address, kept[0]!.family);
    });
  };

  return {
    connectOptions(host) {
      if (allowed.hasHost(host)) return {};
      if (isIP(host.replace(/%.*$/, '')) !== 0) {
        if (!mayReach(host)) throw forbidden(host);
        return {};
      }
      return { lookup: checkedLookup };
    },
    async proxied(host) {
      const { lookup: checked } = this.connectOptions(host);
      if (checked === undefined) return host;
      return new Promise((resolve, reject) => {
        checked(host, { all: false }, (error, address) => {
          if (error !== null) reject(error);
          else resolve(address as string);
        });
      });
    },
  };
}

/** The same text whatever stands behind the name: it must not tell of a network that the asker cannot see. */
function forbidden(host: string): TributaryError {
  return new TributaryError(
    'OUTBOUND_FORBIDDEN',
    `Cannot connect to "${host}": not a public address. The operator may allow it with outbound.allow`,
  );
}
