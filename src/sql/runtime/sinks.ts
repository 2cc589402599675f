import { Buffer } from 'node:buffer';
import { sleep } from '../../base/abort.ts';
import { backoffMs } from '../../base/backoff.ts';
import { isError } from '../../base/errors.ts';
import { PartialWriteError } from '../../base/partial-write.ts';
import type { RawConfig } from '../../config/config-def.ts';
import type { ConnectorContext, SinkConnector } from '../../connectors/contract.ts';
import { noHeaders } from '../../record/record.ts';
import { ValueColumn } from '../../record/value-column.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { type RowEncoder, rowEncoder } from '../mapping/row-encoder.ts';
import type { Row } from '../values/value.ts';
import type { LostRows } from './failures.ts';

/** Takes the messages of rows to where they go; fails when that is not possible. */
export interface Destination {
  /** Where it fails it has added to `settled` the places of rows that are written, or told of as lost, all the same. */
  write(rows: readonly Row[], messages: ValueColumn, settled: Set<number>): Promise<void>;
  close(): Promise<void>;
}

export function lineDestination(print: (line: string) => void): Destination {
  return {
    async write(_rows, messages) {
      for (const message of valuesOf(messages)) print(Buffer.from(message).toString());
    },
    async close() {},
  };
}

/** A connector's task. `lost` is told of rows that can never be sent; their neighbours are. */
export async function connectorDestination(
  connector: SinkConnector,
  config: RawConfig,
  context: ConnectorContext,
  lost: (rows: LostRows) => void,
): Promise<Destination> {
  let current: readonly Row[] = [];
  let rejected = new Set<number>();
  const task = await connector.open(config, {
    ...context,
    async reject({ offset, value }, error) {
      rejected.add(offset);
      lost({ rows: [current[offset]!], messages: value === null ? [] : [value], error, attempts: 1 });
    },
  });
  return {
    async write(rows, messages, settled) {
      current = rows;
      rejected = settled;
      const records = valuesOf(messages).map((value, offset) => ({
        topic: '',
        partition: 0,
        offset,
        key: null,
        value,
        headers: noHeaders,
        timestampMs: rows[offset]!.timestamp,
      }));
      try {
        await task.write(records);
      } catch (error) {
        if (error instanceof PartialWriteError) for (let place = 0; place < error.settled; place++) settled.add(place);
        throw error;
      }
    },
    close: () => task.close(),
  };
}

export interface SinkOptions {
  readonly stream: StreamPlan;
  readonly destination: Destination;
  /** Told of rows that were given up, after everything the strategy says was tried. */
  readonly lost: (rows: LostRows) => void;
  /** Aborted: nothing is tried again any more. */
  readonly signal: AbortSignal;
}

/** Rows of one stream on their way out: collected while the engine works, written in batches, one at a time. */
export class Sink {
  private readonly options: SinkOptions;
  private readonly encode: RowEncoder;
  private rows: Row[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(options: SinkOptions) {
    this.options = options;
    this.encode = rowEncoder(options.stream);
  }

  get isEmpty(): boolean {
    return this.rows.length === 0;
  }

  push(row: Row): void {
    this.rows.push(row);
  }

  /** Resolves when everything pushed so far has been written, or given up. */
  flush(): Promise<void> {
    if (this.rows.length > 0) {
      const rows = this.rows;
      this.rows = [];
      this.writing = this.writing.then(() => this.write(rows));
    }
    return this.writing;
  }

  private async write(all: readonly Row[]): Promise<void> {
    let rows = all;
    let messages = this.encode(rows);
    const { stream, destination, lost, signal } = this.options;
    const { values } = stream.options;
    const tries =
      values.get('error.strategy') === 'retry' ? Math.max(1, Number(values.get('error.retry.max-attempts') ?? 3)) : 1;
    for (let attempts = 1; ; attempts++) {
      const settled = new Set<number>();
      try {
        await destination.write(rows, messages, settled);
        return;
      } catch (error) {
        rows = rows.filter((_, place) => !settled.has(place));
        messages = without(messages, settled);
        if (attempts >= tries || signal.aborted || isError(error, 'CONNECTION_REFUSED_FOR_GOOD')) {
          lost({ rows, messages: valuesOf(messages), error, attempts });
          return;
        }
        await sleep(retryDelayMs(values, attempts), signal);
      }
    }
  }

  async close(): Promise<void> {
    await this.flush();
    await this.options.destination.close();
  }
}

function valuesOf(messages: ValueColumn): Uint8Array[] {
  return Array.from({ length: messages.length }, (_, index) => messages.value(index));
}

function without({ bytes, spans, longest, times }: ValueColumn, settled: ReadonlySet<number>): ValueColumn {
  const isLeft = (_: number, at: number): boolean => !settled.has(at);
  const left = spans.filter((_, at) => isLeft(0, at >> 1));
  return new ValueColumn(bytes, left, left.length / 2, longest, times?.filter(isLeft));
}

function retryDelayMs(values: ReadonlyMap<string, string>, attempt: number): number {
  const baseMs = durationMs(values.get('error.retry.initial-delay') ?? '100ms');
  const maxMs = durationMs(values.get('error.retry.max-delay') ?? '30s');
  switch (values.get('error.retry.backoff')) {
    case 'fixed':
      return Math.min(baseMs, maxMs);
    case 'linear':
      return Math.min(baseMs * attempt, maxMs);
    default:
      return backoffMs(attempt, { baseMs, maxMs, jitter: 0 }, () => 0);
  }
}

function durationMs(text: string): number {
  const [, amount = '0', unit = 'ms'] = /^(\d+)(ms|s|m|h)?$/i.exec(text) ?? [];
  return Number(amount) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit.toLowerCase() as 'ms' | 's' | 'm' | 'h'];
}
