/** An application from topic to topic, with checkpoints: numbers counted by windows of event time. */
import { systemClock } from '../../src/base/clock.ts';
import { isError } from '../../src/base/errors.ts';
import type { Broker, Producer } from '../../src/broker/broker.ts';
import type { SourceConnector } from '../../src/connectors/contract.ts';
import { webSocketSink } from '../../src/connectors/websocket-sink/connector.ts';
import { webSocketSource } from '../../src/connectors/websocket-source/connector.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';
import type { CheckpointSettings } from '../../src/sql/runtime/checkpoints.ts';
import { SqlRun, type World } from '../../src/sql/runtime/run.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';

/** Rows `{"k":…,"t":…}` come in; for each 10 ms of event time one row a key goes out. */
export function windowScript(query = 'SELECT k, COUNT(*) AS n, MIN(t) AS lo, MAX(t) AS hi, WINDOW_END() AS w'): string {
  return `CREATE STREAM Input (k STRING, t LONG) WITH (type = 'source', extension = 'kafka', format = 'json',
      kafka.topic = 'in', kafka.from = 'earliest', event.time.field = 't');
    CREATE STREAM Out (k STRING, n LONG, lo LONG, hi LONG, w LONG) WITH (type = 'sink', extension = 'kafka', format = 'json',
      kafka.topic = 'out');
    INSERT INTO Out ${query} FROM Input WINDOW TUMBLING(10 ms) GROUP BY k;`;
}

/** Row number `index` of the input: three keys, one row a millisecond. */
export function inputRow(index: number): string {
  return `{"k":"${'abc'[index % 3]}","t":${index}}`;
}

/** What must come out once the input has gone on to row `rows`: all windows that its time has closed. */
export function outputOf(rows: number): string[] {
  const out: string[] = [];
  for (let end = 10; end <= rows - 1; end += 10) {
    const times = Array.from({ length: 10 }, (_, i) => end - 10 + i);
    for (const first of times.slice(0, 3)) {
      const own = times.filter((time) => time % 3 === first % 3);
      out.push(`{"k":"${'abc'[first % 3]}","n":${own.length},"lo":${own[0]},"hi":${own.at(-1)},"w":${end}}`);
    }
  }
  return out;
}

export async function makeTopics(broker: Broker): Promise<void> {
  for (const name of ['in', 'out']) {
    // The rows are of 1970, which retention by time would take away.
    await broker.createTopic({ name, config: { 'retention.ms': '-1' } }).catch((error: unknown) => {
      if (!isError(error, 'TOPIC_EXISTS')) throw error;
    });
  }
}

export async function feed(broker: Broker, from: number, to: number): Promise<void> {
  await using producer = await broker.producer();
  await feedWith(producer, from, to);
}

export async function feedWith(producer: Producer, from: number, to: number): Promise<void> {
  const rows = Array.from({ length: to - from }, (_, i) => inputRow(from + i));
  const records = rows.map((row) => ({ key: null, value: Buffer.from(row), headers: [], timestampMs: null }));
  await producer.send('in', 0, records);
}

export interface CheckpointedApp extends AsyncDisposable {
  readonly run: SqlRun;
  readonly done: Promise<void>;
  readonly log: LogEntry[];
  readonly lines: string[];
  metric(name: string): number;
  /** Polls until the condition holds. */
  until(condition: () => boolean, what: string): Promise<void>;
  stop(): Promise<void>;
}

export function startCheckpointed(
  broker: Broker,
  script: string,
  settings: Partial<CheckpointSettings> = {},
  source: SourceConnector = webSocketSource,
  more: Partial<World> = {},
): CheckpointedApp {
  const registry = new MetricRegistry();
  const log: LogEntry[] = [];
  const lines: string[] = [];
  const world: World = {
    clock: systemClock,
    random: () => 0.5,
    log: recordingLog(log),
    metrics: registry.root(),
    print: (line) => lines.push(line),
    source: () => source,
    sink: () => webSocketSink,
    broker: async () => broker,
    context: (stream, signal) => ({
      connector: stream,
      task: 0,
      clock: systemClock,
      random: () => 0,
      log: recordingLog(log),
      metrics: registry.root(),
      outbound: unrestricted,
      signal,
      setStatus() {},
    }),
    checkpoints: {
      application: 'app',
      intervalMs: 5,
      delivery: 'exactly-once',
      reset: false,
      generation: '',
      howToReset: 'start it with --reset',
      maxBytes: 1024 * 1024,
      ...settings,
    },
    ...more,
  };
  const run = new SqlRun(script, world);
  const abort = new AbortController();
  const done = run.run(abort.signal);
  done.catch(() => {}); // a test that expects it to fail awaits it
  const stop = async (): Promise<void> => {
    abort.abort();
    await done;
  };
  const metric = (name: string): number => {
    const family = registry.families.get(`tributary_sql_${name}`);
    if (family === undefined || family.kind === 'histogram') return Number.NaN;
    let sum = 0;
    for (const series of family.series.values()) sum += 'counter' in series ? series.counter.value : series.read();
    return sum;
  };
  const until = async (condition: () => boolean, what: string): Promise<void> => {
    const end = performance.now() + 60_000;
    while (!condition()) {
      if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { run, done, log, lines, metric, until, stop, [Symbol.asyncDispose]: () => stop().catch(() => {}) };
}
