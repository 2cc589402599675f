/**
 * Patterns of Java's SimpleDateFormat in UTC, with English names and weeks that begin on Sunday. What differs from Java:
 * years of two digits are those from 1950 to 2049 (Java counts from the day on which it runs), and of zones that have
 * names only those of `zone-names.ts` are read.
 */
import { parseDate } from './date-parse.ts';

export interface DateFormat {
  readonly pattern: string;
  format(ms: number): string;
  /** Milliseconds since 1970, undefined where the text does not begin as the pattern says. What follows is not looked at. */
  parse(text: string): number | undefined;
}

/** A part of a pattern: text that stands for itself, or a letter as often as it is repeated. */
export type Token =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly letter: string; readonly count: number };

const letters = 'GyYMLwWDdFEuaHkKhmsSzZX';

/** RangeError for a pattern that Java refuses. */
export function dateFormat(pattern: string): DateFormat {
  const tokens = tokensOf(pattern);
  return {
    pattern,
    format: (ms) => {
      const date = new Date(ms);
      let out = '';
      for (const token of tokens)
        out += token.kind === 'text' ? token.text : fieldText(token.letter, token.count, date);
      return out;
    },
    parse: (text) => parseDate(tokens, text),
  };
}

function tokensOf(pattern: string): readonly Token[] {
  const tokens: Token[] = [];
  const addText = (text: string): void => {
    const last = tokens.at(-1);
    if (last?.kind === 'text') tokens[tokens.length - 1] = { kind: 'text', text: last.text + text };
    else tokens.push({ kind: 'text', text });
  };
  for (let at = 0; at < pattern.length; ) {
    const char = pattern[at]!;
    if (char === "'") {
      const quoted = /^'((?:[^']|'')*)'/.exec(pattern.slice(at));
      if (quoted === null) throw new RangeError('Unterminated quote');
      addText(quoted[1] === '' ? "'" : quoted[1]!.replaceAll("''", "'"));
      at += quoted[0].length;
    } else if (/[A-Za-z]/.test(char)) {
      if (!letters.includes(char)) throw new RangeError(`Illegal pattern character '${char}'`);
      const count = new RegExp(`^${char}+`).exec(pattern.slice(at))![0].length;
      if (char === 'X' && count > 3) throw new RangeError(`invalid ISO 8601 format: length=${count}`);
      tokens.push({ kind: 'field', letter: char, count });
      at += count;
    } else {
      addText(char);
      at++;
    }
  }
  return tokens;
}

export const monthNames = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
export const dayNames = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

function fieldText(letter: string, count: number, date: Date): string {
  const padded = (value: number): string => String(value).padStart(count, '0');
  const named = (name: string): string => (count >= 4 ? name : name.slice(0, 3));
  const year = date.getUTCFullYear();
  const hour = date.getUTCHours();
  switch (letter) {
    case 'G':
      return year > 0 ? 'AD' : 'BC';
    case 'y':
      return yearText(year > 0 ? year : 1 - year, count);
    case 'Y':
      return yearText(weekYear(date), count);
    case 'M':
    case 'L':
      return count >= 3 ? named(monthNames[date.getUTCMonth()]!) : padded(date.getUTCMonth() + 1);
    case 'w':
      return padded(weekOfYear(date));
    case 'W':
      return padded(Math.floor((date.getUTCDate() - 1 + firstWeekday(date)) / 7) + 1);
    case 'D':
      return padded(dayOfYear(date));
    case 'd':
      return padded(date.getUTCDate());
    case 'F':
      return padded(Math.floor((date.getUTCDate() - 1) / 7) + 1);
    case 'E':
      return named(dayNames[date.getUTCDay()]!);
    case 'u':
      return padded(date.getUTCDay() === 0 ? 7 : date.getUTCDay());
    case 'a':
      return hour < 12 ? 'AM' : 'PM';
    case 'H':
      return padded(hour);
    case 'k':
      return padded(hour === 0 ? 24 : hour);
    case 'K':
      return padded(hour % 12);
    case 'h':
      return padded(hour % 12 === 0 ? 12 : hour % 12);
    case 'm':
      return padded(date.getUTCMinutes());
    case 's':
      return padded(date.getUTCSeconds());
    case 'S':
      return padded(date.getUTCMilliseconds());
    case 'z':
      return count >= 4 ? 'Coordinated Universal Time' : 'UTC';
    case 'Z':
      return '+0000';
    default:
      return 'Z'; // X
  }
}

function yearText(year: number, count: number): string {
  return count === 2 ? String(year % 100).padStart(2, '0') : String(year).padStart(count, '0');
}

/** Days from Sunday to the first of the date's month. */
function firstWeekday(date: Date): number {
  return (((date.getUTCDay() - (date.getUTCDate() - 1)) % 7) + 7) % 7;
}

function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - yearStart(date.getUTCFullYear())) / 86_400_000) + 1;
}

/** The week of January 1st is the first one, and belongs to the year that it ends in. */
function weekOfYear(date: Date): number {
  if (weekYear(date) > date.getUTCFullYear()) return 1;
  const firstDay = new Date(yearStart(date.getUTCFullYear())).getUTCDay();
  return Math.floor((dayOfYear(date) - 1 + firstDay) / 7) + 1;
}

function weekYear(date: Date): number {
  const saturday = new Date(date.getTime() + (6 - date.getUTCDay()) * 86_400_000);
  return saturday.getUTCFullYear();
}

/** The first millisecond of a year; Date.UTC alone takes 0 to 99 for 1900 to 1999. */
export function yearStart(year: number): number {
  return new Date(0).setUTCFullYear(year, 0, 1);
}
