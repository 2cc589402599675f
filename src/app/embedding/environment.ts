/** What a program that embeds a part of Tributary hands to it. */
import { type Clock, systemClock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import { type Log, type LogLevel, silentLog } from '../../telemetry/log.ts';
import { openLog } from '../../telemetry/pino-log.ts';
import { KnownSecrets } from '../known-secrets.ts';
import { openSqlWorld, type SqlWorld } from '../sql-world.ts';

export interface Environment {
  /** For topics: `embedded:DIR`, `kafka://HOST:PORT,…`, or a broker that is open already and stays so. */
  readonly broker?: string | Broker;
  /** Default: the system's. With another one time passes as it says, and `advance()` has it looked at. */
  readonly clock?: { nowMs(): number };
  /** Least level of lines on standard error; default: none are written. */
  readonly log?: LogLevel | 'silent';
}

/** A world for a text that may hold secrets, which are neither logged nor told in errors. */
export function openEnvironment(
  { broker, clock, log = 'silent' }: Environment,
  sql: string,
  more: {
    readonly print: (line: string) => void;
    readonly status: (stream: string, detail: string | undefined) => void;
    readonly checkpoints?: Parameters<typeof openSqlWorld>[0]['checkpoints'];
  },
): Promise<SqlWorld> {
  return openSqlWorld({
    broker: broker ?? 'none',
    env: process.env,
    log: logOf(log, sql),
    clock: clockOf(clock),
    ...more,
  });
}

/** Where none was given a script cannot name topics. */
export function needBroker(broker: Environment['broker']): void {
  if (broker !== undefined) return;
  throw new TributaryError('USAGE', 'Topics need a broker: give "broker" as embedded:DIR or kafka://HOST:PORT');
}

function logOf(level: LogLevel | 'silent', sql: string): Log {
  if (level === 'silent') return silentLog;
  const secrets = new KnownSecrets();
  secrets.add({ 'sql.text': sql }, []);
  return openLog({ level, redaction: secrets.redaction });
}

function clockOf(clock: Environment['clock']): Clock {
  if (clock === undefined) return systemClock;
  return { nowMs: () => clock.nowMs(), monotonicMs: () => clock.nowMs() };
}
