/** Which addresses belong to the public internet, and lists of those that are named. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

/** RFC 6890 and its registry, and 168.63.129.16, which is Azure's metadata host behind a public number. */
const privateV4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

/** Within 2000::/3, the only part of IPv6 that is routed globally. Teredo and documentation. */
const privateV6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
];

const v4 = blockList(privateV4, 'ipv4');
const v6 = blockList(privateV6, 'ipv6');
const global = blockList([['2000::', 3]], 'ipv6');

/** False for what is no address. Addresses that carry an IPv4 address are what that one is. */
export function isPublicAddress(address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  if (isIPv4(bare)) return !v4.check(bare, 'ipv4');
  if (!isIPv6(bare)) return false;
  const carried = carriedIPv4(bare);
  if (carried !== undefined) return isPublicAddress(carried);
  return global.check(bare, 'ipv6') && !v6.check(bare, 'ipv6');
}

/** The IPv4 address in one that is mapped (::ffff:0:0/96), translated (64:ff9b::/96) or tunnelled (2002::/16). */
export function carriedIPv4(address: string): string | undefined {
  const groups = groupsOf(address);
  const dotted = (high: number, low: number): string => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const startsWith = (...wanted: readonly number[]): boolean => wanted.every((group, index) => groups[index] === group);
  if (startsWith(0, 0, 0, 0, 0, 0xffff) || startsWith(0x64, 0xff9b, 0, 0, 0, 0)) return dotted(groups[6]!, groups[7]!);
  return startsWith(0x2002) ? dotted(groups[1]!, groups[2]!) : undefined;
}

/** The eight groups of an IPv6 address that is known to be one. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = address.split('::');
  const first = groups(head);
  if (tail === undefined) return first;
  const last = groups(tail);
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function blockList(subnets: readonly (readonly [string, number])[], type: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [address, bits] of subnets) list.addSubnet(address, bits, type);
  return list;
}

/** Hosts and addresses by name: `10.0.0.0/8`, `192.168.1.7`, `fd00::/8`, `feed.internal`, `*.example.com`. */
export interface NamedHosts {
  hasAddress(address: string): boolean;
  hasHost(host: string): boolean;
}

/** What is wrong with an entry, or undefined. */
export function hostEntryProblem(entry: string): string | undefined {
  const wanted = 'must be an address, a network such as 10.0.0.0/8, a host name or *.DOMAIN';
  const [address = '', bits, ...rest] = entry.split('/');
  if (rest.length > 0) return wanted;
  const bare = address.replace(/^\[(.*)\]$/, '$1');
  const longest = isIPv4(bare) ? 32 : isIPv6(bare) ? 128 : undefined;
  if (bits !== undefined) {
    return longest !== undefined && /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? undefined : wanted;
  }
  if (longest !== undefined) return undefined;
  return /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i.test(address) &&
    !/^[\d.]+$/.test(address)
    ? undefined
    : wanted;
}

/** The first wrong one of several, for an option's check. */
export function hostEntriesProblem(entries: readonly string[] | null): string | undefined {
  const wrong = entries?.find((entry) => hostEntryProblem(entry) !== undefined);
  return wrong === undefined ? undefined : `"${wrong}" ${hostEntryProblem(wrong)}`;
}

/** Of entries that `hostEntryProblem` finds right. */
export function namedHosts(entries: readonly string[]): NamedHosts {
  const addresses = new BlockList();
  const names = new Set<string>();
  const domains: string[] = [];
  for (const entry of entries) {
    const [first = '', bits] = entry.split('/');
    const address = first.replace(/^\[(.*)\]$/, '$1');
    if (isIPv4(address)) addresses.addSubnet(address, Number(bits ?? 32), 'ipv4');
    else if (isIPv6(address)) addresses.addSubnet(address, Number(bits ?? 128), 'ipv6');
    else if (entry.startsWith('*.')) domains.push(entry.slice(1).toLowerCase().replace(/\.$/, ''));
    else names.add(entry.toLowerCase().replace(/\.$/, ''));
  }
  return {
    hasAddress(address) {
      const bare = address.replace(/%.*$/, '');
      if (isIPv4(bare)) return addresses.check(bare, 'ipv4');
      const carried = carriedIPv4(bare);
      return addresses.check(bare, 'ipv6') || (carried !== undefined && addresses.check(carried, 'ipv4'));
    },
    hasHost(host) {
      const name = host.toLowerCase().replace(/\.$/, '');
      return names.has(name) || domains.some((domain) => name.endsWith(domain));
    },
  };
}
