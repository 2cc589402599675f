/** Patterns in the language of Java's java.util.regex.Pattern, which Kafka Connect's options are written in. */
import { TributaryError } from '../../base/errors.ts';
import { JavaPatternError } from './scanner.ts';
import { translate } from './translate.ts';

export interface JavaPattern {
  /** Matches whole texts. */
  readonly whole: RegExp;
  /** True where the pattern matches the whole text (Matcher.matches). */
  matches(text: string): boolean;
  /**
   * The text with the first match replaced (Matcher.replaceFirst), the text itself where there is none. `$1` and `${name}`
   * stand for groups, a backslash makes the next character plain. CONFIG_INVALID for a group that the pattern has not.
   */
  replaceFirst(text: string, replacement: string): string;
}

/** What is wrong with a pattern in Java's words, undefined for a good one. */
export function checkJavaPattern(pattern: string): string | undefined {
  try {
    compile(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof JavaPatternError) return error.message;
    throw error;
  }
}

/** CONFIG_INVALID names the fault and where it is. */
export function javaPattern(pattern: string): JavaPattern {
  const { whole, anywhere, groups, names } = compileOrRefuse(pattern);
  return {
    whole,
    matches: (text) => whole.test(text),
    replaceFirst(text, replacement) {
      const match = anywhere.exec(text);
      if (match === null) return text;
      const replaced = expand(replacement, { ...match.groups, g0: match[0] }, groups, names);
      return text.slice(0, match.index) + replaced + text.slice(match.index + match[0].length);
    },
  };
}

interface Compiled {
  readonly whole: RegExp;
  readonly anywhere: RegExp;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

function compile(pattern: string): Compiled {
  const { source, groups, names } = translate(pattern);
  try {
    return { whole: new RegExp(`^(?:${source})$`, 'v'), anywhere: new RegExp(source, 'v'), groups, names };
  } catch (error) {
    throw new JavaPatternError(`Cannot be used here: ${(error as Error).message}`, -1, pattern);
  }
}

function compileOrRefuse(pattern: string): Compiled {
  try {
    return compile(pattern);
  } catch (error) {
    throw new TributaryError('CONFIG_INVALID', `Cannot use the pattern "${pattern}": ${(error as Error).message}`);
  }
}

function expand(
  replacement: string,
  matched: Readonly<Record<string, string | undefined>>,
  groups: number,
  names: ReadonlyMap<string, number>,
): string {
  let out = '';
  for (let at = 0; at < replacement.length; ) {
    const char = replacement[at]!;
    if (char === '\\') {
      if (at + 1 === replacement.length) throw illegal(replacement, 'character to be escaped is missing');
      out += replacement[at + 1];
      at += 2;
    } else if (char === '$') {
      const reference = referenceAt(replacement, at + 1, groups, names);
      out += matched[`g${reference.group}`] ?? '';
      at = reference.next;
    } else {
      out += char;
      at++;
    }
  }
  return out;
}

/** `1`, or as many digits as there is a group for; `{name}`. */
function referenceAt(
  replacement: string,
  at: number,
  groups: number,
  names: ReadonlyMap<string, number>,
): { readonly group: number; readonly next: number } {
  const name = /^\{([A-Za-z][A-Za-z0-9]*)\}/.exec(replacement.slice(at));
  if (name !== null) {
    const group = names.get(name[1]!);
    if (group === undefined) throw illegal(replacement, `No group with name {${name[1]}}`);
    return { group, next: at + name[0].length };
  }
  const first = replacement[at] ?? '';
  if (!/^\d$/.test(first)) throw illegal(replacement, 'Illegal group reference: group index is missing');
  let group = Number(first);
  let next = at + 1;
  while (/^\d$/.test(replacement[next] ?? '') && group * 10 + Number(replacement[next]) <= groups) {
    group = group * 10 + Number(replacement[next]);
    next++;
  }
  if (group > groups) throw illegal(replacement, `No group ${group}`);
  return { group, next };
}

function illegal(replacement: string, problem: string): TributaryError {
  return new TributaryError('CONFIG_INVALID', `${problem} (replacement "${replacement}")`);
}
