/**
 * Reads a URI by the rules of java.net.URI (RFC 2396 with RFC 2732), with its messages: people who move a configuration
 * here must see the same URL accepted, and the same sentence where it is refused. The notable rule: a host with a "_" or
 * with a last label of digits is a "registry-based" authority, which is legal syntax but has no host.
 */
export interface JavaUri {
  readonly scheme: string | null;
  readonly userInfo: string | null;
  /** IPv6 addresses keep their brackets. null: no authority, or one that is not host and port. */
  readonly host: string | null;
  /** -1 where none is written. Not checked against 65535, as in Java. */
  readonly port: number;
  readonly path: string | null;
  readonly query: string | null;
}

export type ParsedUri =
  | { readonly ok: true; readonly uri: JavaUri }
  | { readonly ok: false; readonly problem: string; readonly index: number };

export function parseJavaUri(text: string): ParsedUri {
  try {
    return { ok: true, uri: parseUri(text) };
  } catch (error) {
    if (error instanceof SyntaxFault) return { ok: false, problem: error.message, index: error.index };
    throw error;
  }
}

class SyntaxFault extends Error {
  readonly index: number;
  constructor(problem: string, index: number) {
    super(problem);
    this.index = index;
  }
}

const alpha = 'A-Za-z';
const alphanum = `${alpha}0-9`;
const unreserved = `${alphanum}\\-_.!~*'()`;
const classes = {
  alpha: chars(alpha),
  digit: chars('0-9'),
  alphanum: chars(alphanum),
  label: chars(`${alphanum}\\-`),
  scheme: chars(`${alphanum}+\\-.`),
  uric: chars(`${unreserved};/?:@&=+$,\\[\\]`, true),
  path: chars(`${unreserved}:@&=+$,;/`, true),
  userInfo: chars(`${unreserved};:&=+$,`, true),
  registry: chars(`${unreserved}$,;:@&=+`, true),
  server: chars(`${unreserved};:&=+$,.@\\[\\]`, true),
  serverWithPercent: chars(`${unreserved};:&=+$,.@\\[\\]%`, true),
  scopeId: chars(`${alphanum}_.`),
};

interface CharClass {
  readonly has: (char: string) => boolean;
  /** Escapes (%41) and characters beyond ASCII that are neither blanks nor controls are allowed, too. */
  readonly escapes: boolean;
}

function chars(set: string, escapes = false): CharClass {
  const pattern = new RegExp(`^[${set}]$`);
  return { has: (char) => pattern.test(char), escapes };
}

function parseUri(text: string): JavaUri {
  const colon = /^[^/?#:]*:/.exec(text);
  let scheme: string | null = null;
  let at = 0;
  if (colon !== null) {
    at = colon[0].length;
    if (at === 1) throw new SyntaxFault('Expected scheme name', 0);
    if (!classes.alpha.has(text[0]!)) throw new SyntaxFault('Illegal character in scheme name', 0);
    check(text, 1, at - 1, classes.scheme, 'scheme name');
    scheme = text.slice(0, at - 1);
  }
  const hash = text.indexOf('#', at);
  const end = hash === -1 ? text.length : hash;
  const rest =
    scheme !== null && text[at] !== '/' ? parseOpaque(text, at, end) : parseHierarchical(text, at, end, text.length);
  if (hash !== -1) check(text, hash + 1, text.length, classes.uric, 'fragment');
  return { scheme, ...rest };
}

type AfterScheme = Omit<JavaUri, 'scheme'>;
const nothing: AfterScheme = { userInfo: null, host: null, port: -1, path: null, query: null };

function parseOpaque(text: string, from: number, end: number): AfterScheme {
  if (end <= from) throw new SyntaxFault('Expected scheme-specific part', from);
  check(text, from, end, classes.uric, 'opaque part');
  return nothing;
}

function parseHierarchical(text: string, from: number, end: number, length: number): AfterScheme {
  let at = from;
  let authority: Authority = noAuthority;
  if (text.startsWith('//', at)) {
    at += 2;
    const stop = firstOf(text, at, end, '/?');
    if (stop > at) authority = parseAuthority(text, at, stop);
    else if (stop === length) throw new SyntaxFault('Expected authority', at);
    at = stop;
  }
  const pathEnd = firstOf(text, at, end, '?');
  check(text, at, pathEnd, classes.path, 'path');
  const path = text.slice(at, pathEnd);
  if (pathEnd === end) return { ...authority, path, query: null };
  check(text, pathEnd + 1, end, classes.uric, 'query');
  return { ...authority, path, query: text.slice(pathEnd + 1, end) };
}

type Authority = Pick<JavaUri, 'userInfo' | 'host' | 'port'>;
const noAuthority: Authority = { userInfo: null, host: null, port: -1 };

function parseAuthority(text: string, from: number, end: number): Authority {
  // Meant for "[fe80::1%eth0]"; Java asks it of every authority that does not begin with "]".
  const serverClass = text[from] === ']' ? classes.server : classes.serverWithPercent;
  const looksLikeServer = scan(text, from, end, serverClass) === end;
  const looksLikeRegistry = scan(text, from, end, classes.registry) === end;
  if (!looksLikeServer) {
    if (looksLikeRegistry) return noAuthority;
    throw new SyntaxFault('Illegal character in authority', from);
  }
  try {
    return parseServer(text, from, end);
  } catch (error) {
    if (looksLikeRegistry) return noAuthority;
    throw error;
  }
}

function parseServer(text: string, from: number, end: number): Authority {
  let at = from;
  let userInfo: string | null = null;
  const sign = text.indexOf('@', at);
  if (sign !== -1 && sign < end) {
    check(text, at, sign, classes.userInfo, 'user info');
    userInfo = text.slice(at, sign);
    at = sign + 1;
  }
  const hostFrom = at;
  at = text[at] === '[' && at < end ? parseIpv6(text, at, end) : parseHost(text, at, end);
  const host = text.slice(hostFrom, at);
  if (at === end) return { userInfo, host, port: -1 };
  if (text[at] !== ':') throw new SyntaxFault('Expected port number', at);
  at++;
  if (at === end) return { userInfo, host, port: -1 };
  check(text, at, end, classes.digit, 'port number');
  const port = Number(text.slice(at, end));
  if (port > 2 ** 31 - 1) throw new SyntaxFault('Malformed port number', at);
  return { userInfo, host, port };
}

function parseIpv6(text: string, from: number, end: number): number {
  const close = text.indexOf(']', from + 1);
  if (close <= from + 1 || close >= end)
    throw new SyntaxFault('Expected closing bracket for IPv6 address', close >= end || close === -1 ? end : close);
  const percent = text.indexOf('%', from + 1);
  const addressEnd = percent > from + 1 && percent < close ? percent : close;
  if (!isIpv6(text.slice(from + 1, addressEnd))) throw new SyntaxFault('Malformed IPv6 address', from + 1);
  if (addressEnd < close) {
    if (addressEnd + 1 === close) throw new SyntaxFault('scope id expected', -1);
    check(text, addressEnd + 1, close, classes.scopeId, 'scope id');
  }
  return close + 1;
}

function isIpv6(address: string): boolean {
  const tail = /:(\d{1,3}(?:\.\d{1,3}){3})$/.exec(address)?.[1];
  if (tail !== undefined && !isIpv4(tail)) return false;
  const hex = tail === undefined ? address : `${address.slice(0, -tail.length)}0:0`;
  if (!/^[0-9a-fA-F:]+$/.test(hex)) return false;
  const halves = hex.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (groups.some((group) => group.length === 0 || group.length > 4)) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

function isIpv4(address: string): boolean {
  const parts = address.split('.');
  return parts.length === 4 && parts.every((part) => /^\d+$/.test(part) && Number(part) <= 255);
}

function parseHost(text: string, from: number, end: number): number {
  const colon = firstOf(text, from, end, ':');
  if (isIpv4(text.slice(from, colon))) return colon;
  let at = from;
  let label = -1;
  while (at < end) {
    const start = at;
    const first = scan(text, at, end, classes.alphanum);
    if (first === at) break;
    label = start;
    at = scan(text, first, end, classes.label);
    if (text[at - 1] === '-') throw new SyntaxFault('Illegal character in hostname', at - 1);
    if (text[at] !== '.' || at === end) break;
    at++;
  }
  if (at < end && text[at] !== ':') throw new SyntaxFault('Illegal character in hostname', at);
  if (label === -1) throw new SyntaxFault('Expected hostname', from);
  if (label > from && !classes.alpha.has(text[label]!)) throw new SyntaxFault('Illegal character in hostname', label);
  return at;
}

/** Where the first of some characters stands, or the end. */
function firstOf(text: string, from: number, end: number, stops: string): number {
  let at = from;
  while (at < end && !stops.includes(text[at]!)) at++;
  return at;
}

/** Where the characters of the class end. */
function scan(text: string, from: number, end: number, set: CharClass): number {
  let at = from;
  while (at < end) {
    const char = text[at]!;
    if (set.has(char)) at++;
    else if (set.escapes && char === '%') {
      if (!/^%[0-9a-fA-F]{2}$/.test(text.slice(at, Math.min(at + 3, end))))
        throw new SyntaxFault('Malformed escape pair', at);
      at += 3;
    } else if (set.escapes && isOther(char)) at++;
    else break;
  }
  return at;
}

function isOther(char: string): boolean {
  return char.charCodeAt(0) > 0x80 && !/[\p{Z}\p{Cc}]/u.test(char);
}

function check(text: string, from: number, end: number, set: CharClass, what: string): void {
  const at = scan(text, from, end, set);
  if (at < end) throw new SyntaxFault(`Illegal character in ${what}`, at);
}
