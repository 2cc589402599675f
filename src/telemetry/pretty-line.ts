/** A log entry as one line for people: `12:00:00.000 WARN  event k=v k="v with blanks"`. */
import { describeError } from '../base/errors.ts';
import type { LogFields, LogLevel } from './log.ts';

const colours: Readonly<Record<LogLevel, string>> = {
  debug: '\x1b[90m',
  info: '\x1b[32m',
  warn: '\x1b[33m',
  error: '\x1b[31m',
};

export function prettyLine(
  atMs: number,
  level: LogLevel,
  event: string,
  fields: LogFields,
  colour: boolean = false,
): string {
  const time = new Date(atMs).toISOString().slice(11, 23);
  const name = level.toUpperCase().padEnd(5);
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}=${valueText(value)}`);
  const shown = colour ? `${colours[level]}${name}\x1b[0m` : name;
  return `${time} ${shown} ${event}${pairs.join('')}\n`;
}

/** Text as it is where it can be told apart from what follows; quoted otherwise, so that no value makes a second line. */
function valueText(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(describeError(value));
  if (typeof value === 'string') return /^[^\s"=\p{Cc}]+$/u.test(value) ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return String(value);
  return JSON.stringify(value) ?? String(value);
}
