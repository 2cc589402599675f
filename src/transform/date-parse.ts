/** Reads texts by the patterns of SimpleDateFormat, as leniently as Java: the 32nd of January is the 1st of February. */
import { dayNames, monthNames, type Token, yearStart } from './date-format.ts';
import { zoneMinutes } from './zone-names.ts';

/** Fields that are numbers, whatever their count. */
const numeric = 'yYwWDdFuHkKhmsS';

interface Reading {
  readonly text: string;
  at: number;
  readonly fields: Map<string, number>;
}

export function parseDate(tokens: readonly Token[], text: string): number | undefined {
  const reading: Reading = { text, at: 0, fields: new Map() };
  for (const [i, token] of tokens.entries()) {
    if (token.kind === 'text') {
      if (!text.startsWith(token.text, reading.at)) return undefined;
      reading.at += token.text.length;
      continue;
    }
    while (text[reading.at] === ' ' || text[reading.at] === '\t') reading.at++;
    if (!readField(reading, token, isNumeric(tokens[i + 1]))) return undefined;
  }
  return instantOf(reading.fields);
}

type FieldToken = Extract<Token, { readonly kind: 'field' }>;

function isNumeric(token: Token | undefined): boolean {
  return token?.kind === 'field' && (numeric.includes(token.letter) || (/[ML]/.test(token.letter) && token.count <= 2));
}

function readField(reading: Reading, token: FieldToken, abuts: boolean): boolean {
  const { letter, count } = token;
  if (isNumeric(token)) return readNumber(reading, token, abuts);
  switch (letter) {
    case 'M':
    case 'L':
      return readName(reading, letter, monthNames);
    case 'E':
      return readName(reading, letter, dayNames);
    case 'a':
      return readName(reading, letter, ['AM', 'PM']);
    case 'G':
      return readName(reading, letter, ['BC', 'AD']);
    case 'X':
      return readIsoZone(reading, count);
    default:
      return readZone(reading);
  }
}

/** As many digits as there are, or as the pattern says where another number follows at once. */
function readNumber(reading: Reading, { letter, count }: FieldToken, abuts: boolean): boolean {
  const rest = abuts ? reading.text.slice(reading.at, reading.at + count) : reading.text.slice(reading.at);
  const digits = /^-?\d+/.exec(rest)?.[0];
  if (digits === undefined) return false;
  reading.at += digits.length;
  let value = Number(digits);
  if ((letter === 'y' || letter === 'Y') && count <= 2 && /^\d\d$/.test(digits)) value += value < 50 ? 2000 : 1900;
  reading.fields.set(letter === 'L' ? 'M' : letter, letter === 'M' || letter === 'L' ? value - 1 : value);
  return true;
}

/** The longest of the names, whole or of three letters, in any letter case. */
function readName(reading: Reading, letter: string, names: readonly string[]): boolean {
  const rest = reading.text.slice(reading.at).toLowerCase();
  let length = 0;
  let index = -1;
  for (const [i, name] of names.entries()) {
    for (const form of [name, name.slice(0, 3)]) {
      if (form.length > length && rest.startsWith(form.toLowerCase())) {
        length = form.length;
        index = i;
      }
    }
  }
  if (index < 0) return false;
  reading.at += length;
  reading.fields.set(letter === 'L' ? 'M' : letter, index);
  return true;
}

function readIsoZone(reading: Reading, count: number): boolean {
  const form = [/^Z|^([+-])(\d\d)/, /^Z|^([+-])(\d\d)(\d\d)/, /^Z|^([+-])(\d\d):(\d\d)/][count - 1]!;
  return readOffset(reading, form);
}

function readZone(reading: Reading): boolean {
  if (readOffset(reading, /^(?:GMT)?([+-])(\d\d?):?(\d\d)/i)) return true;
  const name = /^[A-Za-z]+/.exec(reading.text.slice(reading.at))?.[0];
  const minutes = zoneMinutes[name?.toUpperCase() ?? ''];
  if (name === undefined || minutes === undefined) return false;
  reading.at += name.length;
  reading.fields.set('Z', minutes);
  return true;
}

function readOffset(reading: Reading, form: RegExp): boolean {
  const found = form.exec(reading.text.slice(reading.at));
  if (found === null) return false;
  const [all, sign, hours = '0', minutes = '0'] = found;
  if (Number(hours) > 23 || Number(minutes) > 59) return false;
  reading.at += all.length;
  const size = Number(hours) * 60 + Number(minutes);
  reading.fields.set('Z', sign === '-' ? -size : size);
  return true;
}

function instantOf(fields: ReadonlyMap<string, number>): number {
  const get = (letter: string): number => fields.get(letter) ?? 0;
  const hour = fields.has('H')
    ? get('H')
    : fields.has('k')
      ? get('k') % 24
      : (fields.has('K') ? get('K') : get('h') === 12 ? 0 : get('h')) + (get('a') === 1 ? 12 : 0);
  const time = ((hour * 60 + get('m')) * 60 + get('s')) * 1000 + get('S');
  return dayOf(fields) * 86_400_000 + time - get('Z') * 60_000;
}

/** Days since 1970, out of whichever fields there are. */
function dayOf(fields: ReadonlyMap<string, number>): number {
  const given = fields.get('y') ?? 1970;
  const year = fields.get('G') === 0 ? 1 - given : given;
  const inDays = (ms: number): number => Math.floor(ms / 86_400_000);
  const weekday = fields.get('E') ?? (fields.has('u') ? fields.get('u')! % 7 : undefined);
  const week = fields.get('w');
  if (week !== undefined && !fields.has('M') && !fields.has('d')) {
    const first = inDays(yearStart(fields.get('Y') ?? year));
    const sunday = first - weekdayOf(first);
    return sunday + (week - 1) * 7 + (weekday ?? (fields.has('Y') ? 0 : weekdayOf(first)));
  }
  if (fields.has('D') && !fields.has('M') && !fields.has('d')) return inDays(yearStart(year)) + fields.get('D')! - 1;
  const month = inDays(new Date(0).setUTCFullYear(year, fields.get('M') ?? 0, 1));
  if (weekday !== undefined && !fields.has('d')) {
    const sunday = month - weekdayOf(month);
    if (fields.has('W')) return sunday + (fields.get('W')! - 1) * 7 + weekday;
    const first = month + ((weekday - weekdayOf(month) + 7) % 7);
    return fields.has('F') ? first + (fields.get('F')! - 1) * 7 : sunday + weekday;
  }
  return month + (fields.get('d') ?? 1) - 1;
}

/** 0 is Sunday; 1970 began on a Thursday. */
function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}
