/**
 * A pattern of Java as the source of a JavaScript RegExp with flag v. Groups become named (`g1`), so that helpers may have
 * groups of their own. What JavaScript cannot say is refused, but for these: captures in a repeated group are those of the
 * last round alone, and letter case is compared by Unicode where (?i) asks for it.
 */
import { charClass } from './char-class.ts';
import { escapedChar, letterClasses, lineEnds, property } from './escapes.ts';
import { literal, Scanner } from './scanner.ts';

export interface Translated {
  readonly source: string;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly comments: boolean;
  readonly unixLines: boolean;
}

const noFlags: Flags = { ignoreCase: false, multiline: false, dotAll: false, comments: false, unixLines: false };
const flagLetters: Readonly<Record<string, keyof Flags | undefined>> = {
  i: 'ignoreCase',
  m: 'multiline',
  s: 'dotAll',
  x: 'comments',
  d: 'unixLines',
};

export function translate(pattern: string): Translated {
  return new Translation(pattern).run();
}

const textStart = '(?<![^])';
const textEnd = '(?![^])';

class Translation {
  readonly #scanner: Scanner;
  readonly #names = new Map<string, number>();
  #groups = 0;
  #helpers = 0;
  #flags = noFlags;

  constructor(pattern: string) {
    this.#scanner = new Scanner(withoutQuotes(pattern));
  }

  run(): Translated {
    const source = this.#alternatives();
    if (!this.#scanner.done) throw this.#scanner.error("Unmatched closing ')'", this.#scanner.at - 1);
    return { source, groups: this.#groups, names: this.#names };
  }

  /** Up to the end or a closing parenthesis. Flags set within hold to the end of the group. */
  #alternatives(): string {
    const outer = this.#flags;
    let source = '';
    while (!this.#scanner.done && this.#scanner.char !== ')') {
      source += this.#scanner.take('|') ? '|' : this.#quantified();
    }
    this.#flags = outer;
    return source;
  }

  #quantified(): string {
    const scanner = this.#scanner;
    if (this.#flags.comments && scanner.match(/[ \t\n\v\f\r]+|#[^\n\r\u0085\u2028\u2029]*/y) !== null) return '';
    const atom = this.#atom();
    const quantifier = scanner.match(/[?*+]|\{(\d+)(?:(,)(\d*))?\}/y);
    if (quantifier === null) {
      if (scanner.char !== '{' || atom === '') return atom;
      const open = scanner.match(/\{\d+(,\d*)?/y);
      throw open === null
        ? scanner.error('Illegal repetition', scanner.at + 1)
        : scanner.error('Unclosed counted closure');
    }
    const [text, low, , high] = quantifier;
    const tooLong = [low, high].find((bound) => bound !== undefined && Number(bound) > 2 ** 31 - 1);
    if (tooLong !== undefined) throw scanner.error('Illegal repetition range', scanner.at - text.length + 10);
    if (low !== undefined && high !== undefined && high !== '' && Number(high) < Number(low)) {
      throw scanner.error('Illegal repetition range', scanner.at - 1);
    }
    const repeatable = atom === '' ? '(?:)' : isOneUnit(atom) ? atom : `(?:${atom})`;
    if (scanner.take('?')) return `${repeatable}${text}?`;
    if (scanner.take('+')) return this.#atomic(`${repeatable}${text}`);
    if (/^[*+?]$/.test(scanner.char)) {
      throw scanner.error(`Dangling meta character '${scanner.char}'`);
    }
    return `${repeatable}${text}`;
  }

  /** What has matched is not given back: a look-ahead takes it once, a reference repeats it. */
  #atomic(source: string): string {
    const name = `a${++this.#helpers}`;
    return `(?:(?=(?<${name}>${source}))\\k<${name}>)`;
  }

  #atom(): string {
    const scanner = this.#scanner;
    const start = scanner.at;
    const char = scanner.next();
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return this.#cased(charClass(scanner));
      case '\\':
        return this.#escape(start);
      case '.':
        return this.#flags.dotAll ? '[^]' : this.#flags.unixLines ? '[^\\n]' : `[^${lineEnds}]`;
      case '^':
        return this.#flags.multiline
          ? `(?:${textStart}|(?<=[\\n\\u{85}\\u{2028}\\u{2029}]|\\r(?!\\n))(?=[^]))`
          : textStart;
      case '$':
        return this.#flags.multiline
          ? `(?:${textEnd}|(?=\\r\\n|(?<!\\r)\\n|[\\r\\u{85}\\u{2028}\\u{2029}]))`
          : this.#finalEnd();
      case '*':
      case '+':
      case '?':
        throw scanner.error(`Dangling meta character '${char}'`, start);
      case '{':
        throw scanner.error('Illegal repetition', start + 1);
      default:
        return this.#cased(literal(char));
    }
  }

  #finalEnd(): string {
    return `(?=(?:\\r\\n|[${lineEnds}])?${textEnd})`;
  }

  #cased(source: string): string {
    return this.#flags.ignoreCase ? `(?i:${source})` : source;
  }

  #escape(start: number): string {
    const scanner = this.#scanner;
    const { char } = scanner;
    if (char === '') throw scanner.error('Unexpected internal error', start + 1);
    if (char === 'p' || char === 'P') return this.#cased(property(scanner));
    if (Object.hasOwn(letterClasses, char)) {
      scanner.next();
      return letterClasses[char]!;
    }
    if (/^[1-9]$/.test(char)) return this.#reference();
    const named = scanner.match(/k<([A-Za-z][A-Za-z0-9]*)>/y);
    if (named !== null) {
      const group = this.#names.get(named[1]!);
      if (group === undefined) {
        throw scanner.error(`named capturing group <${named[1]}> does not exist`, scanner.at - 1);
      }
      return `\\k<g${group}>`;
    }
    const place = places(this.#finalEnd())[char];
    if (place !== undefined) {
      scanner.next();
      return place;
    }
    const plain = escapedChar(scanner);
    if (plain === undefined) throw scanner.error('Illegal/unsupported escape sequence');
    return this.#cased(literal(plain));
  }

  /** As many digits as there is a group for. */
  #reference(): string {
    const scanner = this.#scanner;
    let group = Number(scanner.next());
    while (/^\d$/.test(scanner.char) && group * 10 + Number(scanner.char) <= this.#groups) {
      group = group * 10 + Number(scanner.next());
    }
    // A group that the pattern has not, or not yet, matches nothing.
    return group > this.#groups ? '(?!)' : this.#cased(`\\k<g${group}>`);
  }

  #group(): string {
    const scanner = this.#scanner;
    if (!scanner.take('?')) return this.#capture(undefined);
    for (const opening of ['=', '!', '<=', '<!', ':'] as const) {
      if (scanner.take(opening)) return `(?${opening}${this.#closed()})`;
    }
    if (scanner.take('>')) return this.#atomic(this.#closed());
    const name = scanner.match(/<([A-Za-z][A-Za-z0-9]*)>/y);
    if (name !== null) {
      if (this.#names.has(name[1]!)) {
        throw scanner.error(`Named capturing group <${name[1]}> is already defined`, scanner.at - 1);
      }
      return this.#capture(name[1]!);
    }
    if (scanner.take('<')) {
      if (!/^[A-Za-z]$/.test(scanner.char)) {
        throw scanner.error('capturing group name does not start with a Latin letter');
      }
      scanner.match(/[A-Za-z0-9]+/y);
      throw scanner.error("named capturing group is missing trailing '>'");
    }
    return this.#inlineFlags();
  }

  #capture(name: string | undefined): string {
    const group = ++this.#groups;
    if (name !== undefined) this.#names.set(name, group);
    return `(?<g${group}>${this.#closed()})`;
  }

  #closed(): string {
    const source = this.#alternatives();
    if (!this.#scanner.take(')')) throw this.#scanner.error('Unclosed group', this.#scanner.pattern.length);
    return source;
  }

  /** `(?i)` holds for the rest of the group around it, `(?i:…)` for its own. */
  #inlineFlags(): string {
    const scanner = this.#scanner;
    const outer = this.#flags;
    const found = scanner.match(/([idmsuxU]*)(?:-([idmsuxU]*))?([:)])/y);
    if (found === null) {
      scanner.match(/[idmsuxU-]*/y);
      throw scanner.done
        ? scanner.error('Unknown inline modifier', scanner.pattern.length)
        : scanner.error('Unknown inline modifier');
    }
    const [, on = '', off = '', end] = found;
    this.#flags = switched(switched(outer, on, true), off, false);
    if (end === ')') return '';
    const source = this.#closed();
    this.#flags = outer;
    return `(?:${source})`;
  }
}

function switched(flags: Flags, letters: string, on: boolean): Flags {
  const changed: Record<string, boolean> = {};
  for (const letter of letters) {
    const flag = flagLetters[letter];
    if (flag !== undefined) changed[flag] = on;
  }
  return { ...flags, ...changed };
}

function places(finalEnd: string): Readonly<Record<string, string | undefined>> {
  return {
    A: textStart,
    G: textStart,
    Z: finalEnd,
    z: textEnd,
    b: '\\b',
    B: '\\B',
    R: '(?:\\r\\n|[\\u{a}-\\u{d}\\u{85}\\u{2028}\\u{2029}])',
    X: '(?:\\r\\n|\\P{M}\\p{M}*|\\p{M}+)',
  };
}

/** `\\Q…\\E` written with a backslash for each character, so that a quantifier behind it is for the last one alone. */
function withoutQuotes(pattern: string): string {
  return pattern.replace(/\\Q([\s\S]*?)(?:\\E|$)|\\[\s\S]/g, (sequence, quoted: string | undefined) =>
    quoted === undefined ? sequence : quoted.replace(/[^A-Za-z0-9\u0080-\uffff]/g, '\\$&'),
  );
}

/** True for a source that a quantifier may stand behind as it is. */
function isOneUnit(source: string): boolean {
  return /^(\w|\\u\{[0-9a-f]+\})$/.test(source);
}
