/** The repartition topics of one part: what it reads of them, what it writes to them, and what the others are told of its time. */
import { describeError, isError, TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Counter, Metrics } from '../../telemetry/metrics.ts';
import type { Application } from '../plan/application.ts';
import type { ExchangeNode } from '../plan/parts/exchange-node.ts';
import { type Checkpoints, statementsOf } from './checkpoints.ts';
import { ExchangeWriter } from './exchange-writer.ts';
import type { Positions } from './positions.ts';
import {
  type BlockReader,
  ensureRepartitionTopic,
  fingerprintOf,
  readBlock,
  repartitionTopicOf,
} from './repartition-topic.ts';
import type { Frames } from './sources.ts';
import type { TopicInput } from './topic-source.ts';
import { waiting } from './waiting.ts';

export interface ExchangesParts {
  readonly application: Application;
  readonly checkpoints: Checkpoints;
  readonly positions: Positions;
  readonly script: string;
  readonly broker: Broker;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
  readonly monotonicMs: () => number;
  readonly fail: (error: unknown) => void;
}

interface Exchange {
  readonly node: ExchangeNode;
  readonly topic: string;
  readonly writer: ExchangeWriter;
  readonly rowsIn: Counter;
  deletedUpTo: number;
  /** When the last row came, of any input. */
  rowAtMs: number;
  /** How far another part had come, and when that was heard. */
  heard: number;
  heardAtMs: number;
}

/** What has been read and is behind a checkpoint is deleted no more often than that: it is a round of requests. */
const deleteMs = 10_000;

export class Exchanges {
  private readonly own: ExchangesParts;
  private readonly part: number;
  private readonly fingerprint: string;
  private readonly all: readonly Exchange[];
  private readonly foreign: Counter;
  private deletedAtMs = 0;
  private deleting = false;
  private saidUndeleted = false;

  /** Makes the topics that are missing. */
  static async open(own: ExchangesParts): Promise<Exchanges> {
    const { application, checkpoints, broker, signal } = own;
    const { application: name, part } = checkpoints.settings;
    for (const node of application.exchanges)
      await waiting(signal, () => ensureRepartitionTopic(broker, repartitionTopicOf(name, node), part?.count ?? 1));
    return new Exchanges(own);
  }

  private constructor(own: ExchangesParts) {
    this.own = own;
    const { application, checkpoints, metrics, script, fail, monotonicMs } = own;
    const { settings } = checkpoints;
    this.part = settings.part?.index ?? 0;
    this.fingerprint = fingerprintOf(statementsOf(settings, script), settings.generation);
    this.foreign = metrics.counter(
      'tributary_sql_repartition_foreign_total',
      'Blocks of a repartition topic that are of another script, or of state that was forgotten, and are passed over',
    );
    this.all = application.exchanges.map((node): Exchange => {
      const topic = repartitionTopicOf(settings.application, node);
      const { fingerprint, part } = this;
      const parts = settings.part?.count ?? 1;
      const writer = new ExchangeWriter({ node, topic, part, parts, fingerprint, output: checkpoints.output, fail });
      const labels = { topic };
      const rowsIn = metrics.counter(
        'tributary_sql_repartition_rows_in_total',
        'Rows read from a repartition topic',
        labels,
      );
      metrics.gauge(
        'tributary_sql_repartition_rows_out',
        'Rows written to a repartition topic',
        () => writer.rows,
        labels,
      );
      const now = monotonicMs();
      return { node, topic, writer, rowsIn, deletedUpTo: 0, rowAtMs: now, heard: node.announced, heardAtMs: now };
    });
  }

  /** What is to be read; `take` is given what comes of it. */
  get inputs(): readonly TopicInput[] {
    return this.all.map(({ topic }) => ({ name: topic, topic, start: 'earliest' }));
  }

  /** Works on blocks that came by a topic. */
  take(topic: string, { columns = [] }: Frames): void {
    const { application } = this.own;
    const exchange = this.all.find((one) => one.topic === topic)!;
    const { node } = exchange;
    let rows = 0;
    const to: BlockReader = {
      row: (row, time) => {
        rows++;
        application.receive(node, row, time);
      },
      time: (part, time) => node.heard(part, time),
    };
    for (const column of columns)
      for (let index = 0; index < column.length; index++) this.takeBlock(exchange, column.value(index), to);
    exchange.rowsIn.value += rows;
    if (rows > 0) this.moved();
  }

  private takeBlock({ node, topic }: Exchange, block: Uint8Array | null, to: BlockReader): void {
    try {
      if (block !== null && readBlock(block, this.fingerprint, node, to)) return;
    } catch (error) {
      if (!isError(error, 'BATCH_CORRUPT')) throw error;
      throw new TributaryError('BATCH_CORRUPT', `Cannot read repartition topic "${topic}"`, { cause: error });
    }
    if (this.foreign.value++ === 0) this.own.log.warn('sql_repartition_foreign', { topic, part: this.part });
  }

  /** Rows have come: this part has a time of its own. */
  moved(): void {
    const now = this.own.monotonicMs();
    for (const exchange of this.all) exchange.rowAtMs = now;
  }

  /**
   * Whether the others wait for this part, though no row has come here for so long, neither before what they say was heard nor
   * since: if then nothing is left to read, it goes along with them.
   */
  isBehind(forMs: number): boolean {
    const now = this.own.monotonicMs();
    let behind = false;
    for (const exchange of this.all) {
      const { node } = exchange;
      if (exchange.heard <= node.announced && node.furthest > node.announced) {
        exchange.heard = node.furthest;
        exchange.heardAtMs = now;
      }
      behind ||= mayFollow(exchange, now - forMs);
    }
    return behind;
  }

  follow(forMs: number): void {
    const now = this.own.monotonicMs();
    for (const exchange of this.all) if (mayFollow(exchange, now - forMs)) exchange.node.followed = exchange.heard;
  }

  get hasNews(): boolean {
    return this.all.some(({ writer }) => writer.hasNews);
  }

  flush(): void {
    for (const { writer } of this.all) writer.flush();
  }

  /** In front of a checkpoint: what is known of the time here. */
  announce(): void {
    for (const { writer } of this.all) writer.announce();
    this.flush();
  }

  /** Behind a checkpoint: what was read in front of it is read by nobody any more. */
  deleteRead(): void {
    const { monotonicMs, log } = this.own;
    if (this.deleting || monotonicMs() - this.deletedAtMs < deleteMs) return;
    this.deletedAtMs = monotonicMs();
    this.deleting = true;
    void this.deleteUpTo(this.all.map(({ topic }) => this.positionOf(topic)))
      .catch((error: unknown) => {
        // It is tried again; a right that is missing is said once, as the topic then grows.
        if (!this.saidUndeleted) log.warn('sql_repartition_kept', { part: this.part, reason: describeError(error) });
        this.saidUndeleted = true;
      })
      .finally(() => {
        this.deleting = false;
      });
  }

  private positionOf(topic: string): number {
    const offset = this.own.positions.get(topic, { kafka_topic: topic, kafka_partition: this.part })?.['kafka_offset'];
    return typeof offset === 'number' ? offset : 0;
  }

  private async deleteUpTo(offsets: readonly number[]): Promise<void> {
    const { broker, signal } = this.own;
    for (const [index, exchange] of this.all.entries()) {
      const offset = offsets[index]!;
      if (offset <= exchange.deletedUpTo) continue;
      await broker.deleteRecords(exchange.topic, this.part, offset, { signal });
      exchange.deletedUpTo = offset;
    }
  }
}

function mayFollow({ node, heard, heardAtMs, rowAtMs }: Exchange, sinceMs: number): boolean {
  return node.local !== undefined && heard > node.announced && heardAtMs <= sinceMs && rowAtMs <= sinceMs;
}
