/**
 * The log, as the rest of the program sees it: an event name and fields, never a sentence with values inside and never one
 * line per record. `app` puts pino behind it; tests put a list behind it.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log with fields added to every line; a name makes it one whose level can be set apart (loggers.ts). */
  child(fields: LogFields, name?: string): Log;
}

/** Name of the log of who changed what. */
export const auditLogger = 'tributary.rest.audit';

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

export interface LogEntry {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines, for tests. */
export function recordingLog(entries: LogEntry[], fields: LogFields = {}): Log {
  const at =
    (level: LogLevel) =>
    (event: string, more: LogFields = {}): void => {
      entries.push({ level, event, fields: { ...fields, ...more } });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => recordingLog(entries, { ...fields, ...more }),
  };
}
