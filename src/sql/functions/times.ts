import type { Long } from '../values/long.ts';
import { type ScalarFunction, strict } from './scalar-function.ts';

/** Timestamps are LONG: milliseconds since 1970, in UTC. Beyond what a Date can hold (±8.64e15) results are NULL. */

const dayMs = 86_400_000;

function dateOf(timestamp: Long): Date | null {
  const date = new Date(Number(timestamp));
  return Number.isNaN(date.getTime()) ? null : date;
}

/** Date.UTC takes years 0 to 99 for 1900 to 1999; this does not. */
function utc(year: number, month: number, day = 1, hour = 0, minute = 0, second = 0, ms = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return date.setUTCHours(hour, minute, second, ms);
}

const truncations: Readonly<Record<string, (date: Date) => number>> = {
  millisecond: (date) => date.getTime(),
  second: (date) => floorTo(date, 1000),
  minute: (date) => floorTo(date, 60_000),
  hour: (date) => floorTo(date, 3_600_000),
  day: (date) => floorTo(date, dayMs),
  // 1970 began on a Thursday, three days after a Monday.
  week: (date) => Math.floor((date.getTime() + 3 * dayMs) / (7 * dayMs)) * 7 * dayMs - 3 * dayMs,
  month: (date) => utc(date.getUTCFullYear(), date.getUTCMonth()),
  quarter: (date) => utc(date.getUTCFullYear(), Math.floor(date.getUTCMonth() / 3) * 3),
  year: (date) => utc(date.getUTCFullYear(), 0),
};

function floorTo(date: Date, ms: number): number {
  return Math.floor(date.getTime() / ms) * ms;
}

const fields: Readonly<Record<string, (date: Date) => number>> = {
  year: (date) => date.getUTCFullYear(),
  quarter: (date) => Math.floor(date.getUTCMonth() / 3) + 1,
  month: (date) => date.getUTCMonth() + 1,
  week: isoWeek,
  day: (date) => date.getUTCDate(),
  dow: (date) => date.getUTCDay(),
  doy: (date) => Math.floor((date.getTime() - utc(date.getUTCFullYear(), 0)) / dayMs) + 1,
  hour: (date) => date.getUTCHours(),
  minute: (date) => date.getUTCMinutes(),
  second: (date) => date.getUTCSeconds(),
  millisecond: (date) => date.getUTCMilliseconds(),
  epoch: (date) => Math.floor(date.getTime() / 1000),
};

/** ISO 8601: the week of a date is that of its Thursday. */
function isoWeek(date: Date): number {
  const thursday = new Date(truncations['week']!(date) + 3 * dayMs);
  return Math.floor((thursday.getTime() - utc(thursday.getUTCFullYear(), 0)) / (7 * dayMs)) + 1;
}

export const truncationUnits: readonly string[] = Object.keys(truncations);
export const fieldUnits: readonly string[] = Object.keys(fields);

/** Units ignore case and may have a plural s. NULL for an unknown one, which only a computed unit can be. */
function lookUp<T>(table: Readonly<Record<string, T>>, unit: string): T | undefined {
  const name = unit.toLowerCase();
  return table[name] ?? (name.endsWith('s') ? table[name.slice(0, -1)] : undefined);
}

export function isUnit(units: readonly string[], unit: string): boolean {
  return units.includes(unit.toLowerCase()) || units.includes(unit.toLowerCase().replace(/s$/, ''));
}

function apply(table: Readonly<Record<string, (date: Date) => number>>, unit: string, timestamp: Long): number | null {
  const compute = lookUp(table, unit);
  const date = dateOf(timestamp);
  return compute === undefined || date === null ? null : compute(date);
}

export function extract(unit: string, timestamp: Long): number | null {
  return apply(fields, unit, timestamp);
}

const iso = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** ISO 8601 date or date-time; NULL for anything else, and for a date that does not exist. */
export function timestampOf(text: string): number | null {
  const match = iso.exec(text.trim());
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (hour > 23 || minute > 59 || second > 59) return null;
  const ms = Number((match[7] ?? '0').padEnd(3, '0').slice(0, 3));
  const time = utc(year, month - 1, day, hour, minute, second, ms);
  const date = new Date(time);
  // A day that the month does not have rolls over into the next one.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const offset = zoneOffsetMs(match[8] ?? 'Z');
  return offset === null ? null : time - offset;
}

function zoneOffsetMs(zone: string): number | null {
  if (zone.toUpperCase() === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(3).replace(':', '') || 0);
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

const clock: ScalarFunction = {
  names: ['NOW', 'CURRENT_TIMESTAMP', 'CURRENT_TIME_MILLIS'],
  minArguments: 0,
  maxArguments: 0,
  bind: (_list, { now }) => ({ type: 'LONG', evaluate: () => now() }),
};

export const timeFunctions: readonly ScalarFunction[] = [
  clock,
  strict({
    names: 'DATE_TRUNC',
    parameters: ['S', 'I'],
    type: 'LONG',
    compute: (unit: string, timestamp: Long) => apply(truncations, unit, timestamp),
  }),
  strict({ names: 'DATE_PART', parameters: ['S', 'I'], type: 'LONG', compute: extract }),
  strict({ names: 'TO_TIMESTAMP', parameters: ['S'], type: 'LONG', compute: timestampOf }),
  strict({
    names: 'FORMAT_TIMESTAMP',
    parameters: ['I'],
    type: 'STRING',
    compute: (timestamp: Long) => dateOf(timestamp)?.toISOString() ?? null,
  }),
];
