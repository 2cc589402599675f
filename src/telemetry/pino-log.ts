/** The log of the process: lines for people on a terminal, JSON (pino) everywhere else. */
import pino from 'pino';
import { describeError, isError } from '../base/errors.ts';
import type { Log, LogFields, LogLevel } from './log.ts';
import { prettyLine } from './pretty-line.ts';

/** What lines are written to: a stream of Node, or a list in a test. */
export interface LogOutput {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

export interface OpenLogOptions {
  /** Least level that is written. Default info. */
  readonly level?: LogLevel;
  /** Default: standard error, so that what a command prints stays apart from it. */
  readonly output?: LogOutput;
  /** Default: where the output is a terminal. */
  readonly pretty?: boolean;
  /** Default: on a terminal, unless NO_COLOR is set. */
  readonly colour?: boolean;
}

export function openLog(options: OpenLogOptions = {}): Log {
  const { level = 'info', output = process.stderr } = options;
  const isTerminal = output.isTTY === true;
  if (options.pretty ?? isTerminal) {
    const colour = options.colour ?? (isTerminal && !process.env['NO_COLOR']);
    return prettyLog(output, level, colour, {});
  }
  const lines = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  return jsonLog(lines);
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

function prettyLog(output: LogOutput, least: LogLevel, colour: boolean, base: LogFields): Log {
  const at = (level: LogLevel): Log[LogLevel] => {
    if (levels.indexOf(level) < levels.indexOf(least)) return () => {};
    return (event, fields) => void output.write(prettyLine(Date.now(), level, event, { ...base, ...fields }, colour));
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => prettyLog(output, least, colour, { ...base, ...fields }),
  };
}

function jsonLog(lines: pino.Logger): Log {
  const at = (level: LogLevel): Log[LogLevel] => {
    return (event, fields = {}) => lines[level](plain(fields), event);
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => jsonLog(lines.child(plain(fields))),
  };
}

/** Errors by their text and code: pino's own form has a stack of many lines and whatever was hung on the error. */
function plain(fields: LogFields): LogFields {
  let changed: Record<string, unknown> | undefined;
  for (const [key, value] of Object.entries(fields)) {
    // The line's own members; one of ours under such a name would make the JSON ambiguous.
    const name = key === 'level' || key === 'time' || key === 'event' ? `${key}_` : key;
    if (!(value instanceof Error) && name === key) continue;
    changed ??= { ...fields };
    if (name !== key) delete changed[key];
    changed[name] = value instanceof Error ? describeError(value) : value;
    if (isError(value)) changed['code'] ??= value.code;
  }
  return changed ?? fields;
}
