/** Escape sequences that mean the same in and outside of a class of characters. */
import type { Scanner } from './scanner.ts';

export const lineEnds = '\\n\\r\\u{85}\\u{2028}\\u{2029}';
const horizontal = '\\u{9}\\u{20}\\u{a0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}';
const vertical = '\\u{a}-\\u{d}\\u{85}\\u{2028}\\u{2029}';

/** Classes by the letter behind the backslash, as members of a JavaScript class. */
export const letterClasses: Readonly<Record<string, string>> = {
  d: '[0-9]',
  D: '[^0-9]',
  s: '[\\u{20}\\u{9}-\\u{d}]',
  S: '[^\\u{20}\\u{9}-\\u{d}]',
  w: '[a-zA-Z0-9_]',
  W: '[^a-zA-Z0-9_]',
  h: `[${horizontal}]`,
  H: `[^${horizontal}]`,
  v: `[${vertical}]`,
  V: `[^${vertical}]`,
};

const controls: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f', a: '\x07', e: '\x1b' };

/** The one character that an escape stands for, behind its backslash; undefined for an escape of another kind. */
export function escapedChar(scanner: Scanner): string | undefined {
  const { char } = scanner;
  if (!/^[A-Za-z0-9]$/.test(char)) return char === '' ? undefined : scanner.next();
  if (char in controls) {
    scanner.next();
    return controls[char];
  }
  const start = scanner.at;
  switch (char) {
    case 'x': {
      const found = scanner.match(/x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/y);
      if (found === null)
        throw scanner.error('Illegal hexadecimal escape sequence', behind(scanner, /x\{?[0-9a-fA-F]*/y));
      return String.fromCodePoint(Number.parseInt(found[1] ?? found[2]!, 16));
    }
    case 'u': {
      const found = scanner.match(/u([0-9a-fA-F]{4})/y);
      if (found === null) throw scanner.error('Illegal Unicode escape sequence', behind(scanner, /u[0-9a-fA-F]*/y));
      const low = scanner.match(/\\u([dD][c-fC-F][0-9a-fA-F]{2})/y);
      const units = [found[1]!, ...(low === null ? [] : [low[1]!])].map((hex) => Number.parseInt(hex, 16));
      return String.fromCharCode(...units);
    }
    case '0': {
      const found = scanner.match(/0([0-3]?[0-7]{1,2})/y);
      if (found === null) throw scanner.error('Illegal octal escape sequence', start + 1);
      return String.fromCharCode(Number.parseInt(found[1]!, 8));
    }
    case 'c': {
      const found = scanner.match(/c([\s\S])/y);
      if (found === null) throw scanner.error('Illegal control escape sequence', start);
      return String.fromCharCode(found[1]!.charCodeAt(0) ^ 64);
    }
    default:
      return undefined;
  }
}

/** Where a sequence that is too short ends. */
function behind(scanner: Scanner, form: RegExp): number {
  scanner.match(form);
  return scanner.at;
}

const posix: Readonly<Record<string, string>> = {
  Lower: 'a-z',
  Upper: 'A-Z',
  ASCII: '\\u{0}-\\u{7f}',
  Alpha: 'a-zA-Z',
  Digit: '0-9',
  Alnum: 'a-zA-Z0-9',
  Punct: '\\u{21}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{60}\\u{7b}-\\u{7e}',
  Graph: '\\u{21}-\\u{7e}',
  Print: '\\u{20}-\\u{7e}',
  Blank: '\\u{20}\\u{9}',
  Cntrl: '\\u{0}-\\u{1f}\\u{7f}',
  XDigit: '0-9a-fA-F',
  Space: '\\u{20}\\u{9}-\\u{d}',
  L1: '\\u{0}-\\u{ff}',
  all: '\\u{0}-\\u{10ffff}',
  javaLowerCase: '\\p{Lowercase}',
  javaUpperCase: '\\p{Uppercase}',
  javaAlphabetic: '\\p{Alphabetic}',
  javaLetter: '\\p{L}',
  javaDigit: '\\p{Nd}',
  javaLetterOrDigit: '\\p{L}\\p{Nd}',
  javaWhitespace:
    '\\u{9}-\\u{d}\\u{1c}-\\u{20}\\u{1680}\\u{2000}-\\u{2006}\\u{2008}-\\u{200a}\\u{2028}\\u{2029}\\u{205f}\\u{3000}',
};

/** `\p{…}` and `\P{…}`, the scanner standing on the letter. */
export function property(scanner: Scanner): string {
  const negated = scanner.next() === 'P';
  const found = scanner.match(/\{([^}]*)\}|([^{])/y);
  if (found === null) throw scanner.error('Unclosed character family', scanner.pattern.length - 1);
  const name = found[1] ?? found[2]!;
  const own = Object.hasOwn(posix, name) ? posix[name] : undefined;
  if (own !== undefined) return `[${negated ? '^' : ''}${own}]`;
  for (const candidate of candidates(name)) {
    const source = `\\${negated ? 'P' : 'p'}{${candidate}}`;
    try {
      new RegExp(source, 'v');
      return source;
    } catch {} // not a property that JavaScript knows: the next spelling is tried
  }
  throw scanner.error(`Unknown character property name {${name}}`, scanner.at - 1);
}

/** How JavaScript may spell a property of Java. Blocks (`InGreek`) it has none of. */
function candidates(name: string): string[] {
  const [key = '', value] = name.split('=');
  if (value !== undefined) {
    if (/^(script|sc)$/i.test(key)) return [`Script=${value}`, `Script=${titled(value)}`];
    if (/^(general_category|gc)$/i.test(key)) return [value];
    return [];
  }
  const bare = name.replace(/^Is/, '');
  return [bare, ...(name === bare ? [] : [`Script=${bare}`, titled(bare), `Script=${titled(bare)}`])];
}

function titled(word: string): string {
  return word.toLowerCase().replace(/(^|_)[a-z]/g, (letter) => letter.toUpperCase());
}
