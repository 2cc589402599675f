/** The log of the process: lines for people on a terminal, JSON (pino) everywhere else. */
import pino from 'pino';
import { describeError, isError } from '../base/errors.ts';
import { auditLogger, type Log, type LogFields, type LogLevel } from './log.ts';
import { Loggers, type LogThreshold, type Threshold } from './loggers.ts';
import { prettyLine } from './pretty-line.ts';
import type { Redaction } from './redaction.ts';

/** What lines are written to: a stream of Node, or a list in a test. */
export interface LogOutput {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

export interface OpenLogOptions {
  /** Least level that is written, where no `loggers` are given. Default info. */
  readonly level?: LogLevel;
  /** Secrets that fields must not show. Not for the audit log: nobody shall be able to blot out a line of it. */
  readonly redaction?: Redaction;
  /** Levels by name, which may change while the log is in use. */
  readonly loggers?: Loggers;
  /** Default: standard error, so that what a command prints stays apart from it. */
  readonly output?: LogOutput;
  /** Default: where the output is a terminal. */
  readonly pretty?: boolean;
  /** Default: on a terminal, unless NO_COLOR is set. */
  readonly colour?: boolean;
}

export function openLog(options: OpenLogOptions = {}): Log {
  const { level = 'info', output = process.stderr } = options;
  const loggers = options.loggers ?? new Loggers(level.toUpperCase() as LogThreshold, Date.now);
  const isTerminal = output.isTTY === true;
  const colour = options.colour ?? (isTerminal && !process.env['NO_COLOR']);
  const lines = (options.pretty ?? isTerminal) ? prettyLines(output, colour) : jsonLines(output);
  return named({ loggers, redaction: options.redaction }, 'root', lines);
}

/** Writes lines, whatever their level, with fields of its own on each. */
interface Lines {
  write(level: LogLevel, event: string, fields: LogFields): void;
  with(fields: LogFields): Lines;
}

interface Rules {
  readonly loggers: Loggers;
  readonly redaction: Redaction | undefined;
}

function named(rules: Rules, name: string, lines: Lines): Log {
  const threshold: Threshold = rules.loggers.threshold(name);
  const redaction = name === auditLogger ? undefined : rules.redaction;
  const clean = (fields: LogFields): LogFields => {
    const texts = plain(fields);
    return redaction === undefined ? texts : (redaction.value(texts) as LogFields);
  };
  const at = (level: LogLevel): Log[LogLevel] => {
    return (event, fields = {}) => {
      if (threshold.writes(level)) lines.write(level, event, clean(fields));
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields, childName = name) => named(rules, childName, lines.with(clean(fields))),
  };
}

function prettyLines(output: LogOutput, colour: boolean, base: LogFields = {}): Lines {
  return {
    write: (level, event, fields) =>
      void output.write(prettyLine(Date.now(), level, event, { ...base, ...fields }, colour)),
    with: (fields) => prettyLines(output, colour, { ...base, ...fields }),
  };
}

function jsonLines(output: LogOutput): Lines {
  return pinoLines(
    pino(
      {
        level: 'trace', // what is written was decided before it comes here
        base: null,
        messageKey: 'event',
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      output,
    ),
  );
}

function pinoLines(lines: pino.Logger): Lines {
  return {
    write: (level, event, fields) => lines[level](fields, event),
    with: (fields) => pinoLines(lines.child(fields)),
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
