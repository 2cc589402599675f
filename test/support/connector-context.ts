/** A connector without a worker: opens it, takes what it gives, and shows what it said meanwhile. */
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { RawConfig } from '../../src/config/config-def.ts';
import type {
  SourceBatch,
  SourceConnector,
  SourceContext,
  SourceMap,
  WriteValue,
} from '../../src/connectors/contract.ts';
import { type OutboundPolicy, unrestricted } from '../../src/net/outbound-policy.ts';
import type { SourceRecord } from '../../src/record/source-record.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';

export interface RunOptions {
  readonly resumeOffset?: SourceMap;
  readonly random?: () => number;
  readonly outbound?: OutboundPolicy;
  readonly clock?: Clock;
  /** Of the metrics that `metric` reads. */
  readonly prefix?: string;
  readonly task?: number;
  /** Given where nothing stands between the source and the value converter. */
  readonly writeValue?: WriteValue;
}

/** How long a test waits for what it expects, before it fails. */
const patienceMs = 60_000;

export class ConnectorRun implements AsyncDisposable {
  readonly log: LogEntry[] = [];
  readonly statuses: (string | undefined)[] = [];
  readonly batches: SourceBatch[] = [];
  readonly records: SourceRecord[] = [];
  readonly registry = new MetricRegistry();
  readonly context: SourceContext;
  readonly #stop = new AbortController();
  readonly #source: AsyncIterator<SourceBatch>;
  readonly #prefix: string;
  #ended = false;

  constructor(
    connector: SourceConnector,
    config: RawConfig,
    {
      resumeOffset,
      random = () => 0,
      outbound = unrestricted,
      clock = systemClock,
      prefix = 'tributary_websocket_',
      task = 0,
      writeValue,
    }: RunOptions = {},
  ) {
    this.#prefix = prefix;
    this.context = {
      connector: 'test',
      task,
      clock,
      random,
      log: recordingLog(this.log),
      metrics: this.registry.root(),
      outbound,
      signal: this.#stop.signal,
      setStatus: (detail) => this.statuses.push(detail),
      resumeOffset: () => resumeOffset,
      ...(writeValue === undefined ? {} : { writeValue }),
    };
    this.#source = connector.open(config, this.context)[Symbol.asyncIterator]();
  }

  /** Pulls until so many records have come in all. Throws what the connector throws. */
  async take(count: number): Promise<SourceRecord[]> {
    while (this.records.length < count) {
      if (!(await this.#pull())) throw new Error(`ended after ${this.records.length} of ${count} records`);
    }
    return this.records;
  }

  /** Pulls until the connector ends. */
  async drain(): Promise<SourceRecord[]> {
    while (await this.#pull()) {}
    return this.records;
  }

  /** Pulls until the connector fails; its error. */
  async failure(): Promise<Error> {
    try {
      await this.drain();
    } catch (error) {
      return error as Error;
    }
    throw new Error('it ended without an error');
  }

  /** Starts the connector without taking anything: its first pull stays pending or is kept. */
  begin(): Promise<boolean> {
    return this.#pull();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Sum of a counter over the label sets that fit, or the value of a gauge. */
  metric(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const family = this.registry.families.get(`${this.#prefix}${name}`);
    if (family === undefined || family.kind === 'histogram') return Number.NaN;
    let sum = 0;
    for (const series of family.series.values()) {
      if (!Object.entries(labels).every(([label, value]) => series.labels[label] === value)) continue;
      sum += 'counter' in series ? series.counter.value : series.read();
    }
    return sum;
  }

  events(event: string): LogEntry[] {
    return this.log.filter((entry) => entry.event === event);
  }

  /** Polls until the condition holds. */
  async until(condition: () => boolean, what: string): Promise<void> {
    const end = performance.now() + patienceMs;
    while (!condition()) {
      if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** All that could be seen from outside, as text: for tests that look for secrets. */
  everythingSaid(): string {
    const metrics = [...this.registry.families.values()].map(({ name, series }) => [name, [...series.keys()]]);
    return JSON.stringify([this.log, this.statuses, metrics]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
    if (this.#ended) return;
    try {
      await this.#source.return?.();
    } catch {
      // what it failed with was the test's to look at
    }
  }

  async #pull(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`nothing came: ${JSON.stringify(this.log.slice(-5))}`)), patienceMs);
    });
    try {
      const { done, value } = await Promise.race([this.#source.next(), late]);
      if (done === true) {
        this.#ended = true;
        return false;
      }
      this.batches.push(value);
      for (const record of value.records) this.records.push(record);
      return true;
    } catch (error) {
      this.#ended = true;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

export function textsOf(records: readonly SourceRecord[]): string[] {
  return records.map(({ value }) => Buffer.from(value as Uint8Array).toString('utf8'));
}
