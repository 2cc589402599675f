/** What becomes of messages and rows that fail, as the options of their stream say. All of them are counted. */
import { Buffer, isUtf8 } from 'node:buffer';
import { asBuffer } from '../../base/as-buffer.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Log, LogLevel } from '../../telemetry/log.ts';
import type { deadLetterColumns } from '../check/dead-letters.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import type { Mapped } from '../mapping/mapped.ts';
import type { Application } from '../plan/application.ts';
import type { Row, Value } from '../values/value.ts';

type DeadLetterColumn = keyof typeof deadLetterColumns;

/** A line of the log for the first failure of a stream, and then at most one in so long, with how many there were. */
const quietMs = 10_000;

/** Rows of a sink that were given up, after everything the strategy says was tried. */
export interface LostRows {
  readonly rows: readonly Row[];
  readonly messages: readonly Uint8Array[];
  readonly error: unknown;
  /** Tries that were made. */
  readonly attempts: number;
}

export interface FailuresOptions {
  readonly application: Application;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends the application. */
  readonly fail: (error: unknown) => void;
}

export class Failures {
  readonly #options: FailuresOptions;
  readonly #said = new Map<string, { atMs: number; suppressed: number }>();

  constructor(options: FailuresOptions) {
    this.#options = options;
  }

  /**
   * A message that did not give all of its rows. Trying again would give the same, so that `retry` is as `drop` here.
   */
  ofSource(stream: StreamPlan, frame: Uint8Array | string, { dropped, problem: said, isMalformed }: Mapped): void {
    const problem = said ?? 'it could not be read';
    const { application, fail } = this.#options;
    const { values } = stream.options;
    application.countDropped(stream.name, dropped);
    this.#say(stream, dropped, problem);
    // What is no JSON; a value of the wrong type is another matter.
    if (values.get('json.ignore-parse-errors')?.toLowerCase() === 'true' && isMalformed === true) return;
    const strategy = values.get('error.strategy');
    const error = new TributaryError('CONVERSION_FAILED', `Source "${stream.name}": ${problem}`);
    if (strategy === 'fail') fail(error);
    if (strategy === 'dlq')
      this.#bury(stream, [typeof frame === 'string' ? Buffer.from(frame) : frame], error, problem, 'SourceError', 1);
  }

  ofSink(stream: StreamPlan, { rows, messages, error, attempts }: LostRows): void {
    const { application, fail } = this.#options;
    const { values } = stream.options;
    application.countDropped(stream.name, rows.length);
    const problem = describeError(error);
    this.#say(stream, rows.length, problem);
    const strategy = values.get('error.strategy');
    // A server that has refused for good would lose all that is still to come.
    if (strategy === 'fail' || isError(error, 'CONNECTION_REFUSED_FOR_GOOD')) fail(error);
    if (strategy === 'dlq') this.#bury(stream, messages, error, problem, 'SinkError', attempts);
    else if (this.#failsWithLetters(stream, rows)) fail(error);
  }

  /** Into the stream's dead-letter stream; where it has none its fallback strategy decides. */
  #bury(
    stream: StreamPlan,
    messages: readonly Uint8Array[],
    error: unknown,
    problem: string,
    kind: string,
    attempts: number,
  ): void {
    const { application, clock, fail } = this.#options;
    const { values } = stream.options;
    const target = values.get('error.dlq.stream');
    if (target === undefined) {
      if (values.get('error.dlq.fallback-strategy') === 'fail') fail(error);
      return;
    }
    const { columns } = application.plan.streams.get(target)!;
    for (const message of messages) {
      const letter: Record<DeadLetterColumn, Value> = {
        originalEvent: textOf(message),
        errorMessage: problem,
        errorType: kind,
        timestamp: clock.nowMs(),
        attemptCount: attempts,
        streamName: stream.name,
      };
      application.push(
        target,
        columns.map(({ name }) => letter[name as DeadLetterColumn]),
      );
    }
  }

  /** Whether rows that were lost are dead letters of a stream that wants to fail then. */
  #failsWithLetters(lost: StreamPlan, rows: readonly Row[]): boolean {
    const { streams } = this.#options.application.plan;
    const place = lost.columns.findIndex(({ name }) => name === 'streamName');
    const wants = (name: unknown): boolean => {
      const values = streams.get(String(name))?.options.values;
      return values?.get('error.dlq.stream') === lost.name && values.get('error.dlq.fallback-strategy') === 'fail';
    };
    return place !== -1 && rows.some((row) => wants(row.values[place]));
  }

  /** Never with the message itself: it may hold what nobody but its reader shall see. */
  #say({ name, options }: StreamPlan, count: number, reason: string): void {
    const now = this.#options.clock.monotonicMs();
    const said = this.#said.get(name);
    if (said !== undefined && now - said.atMs < quietMs) {
      said.suppressed += count;
      return;
    }
    this.#said.set(name, { atMs: now, suppressed: 0 });
    const level = (options.values.get('error.log-level') ?? 'warn') as LogLevel;
    this.#options.log[level]('sql_rows_failed', {
      stream: name,
      reason,
      count,
      ...(said === undefined || said.suppressed === 0 ? {} : { not_logged_before: said.suppressed }),
    });
  }
}

function textOf(message: Uint8Array): string {
  const bytes = asBuffer(message);
  return isUtf8(bytes) ? bytes.toString('utf8') : bytes.toString('base64');
}
