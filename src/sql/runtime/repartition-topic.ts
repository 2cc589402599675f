/**
 * A topic between the parts of an application: rows of a stream on their way to the part that their key says, one partition for
 * each part. Records are blocks of rows with what their sender said of its time in between, in the form of checkpoints.
 */
import { createHash } from 'node:crypto';
import { isError, TributaryError } from '../../base/errors.ts';
import type { Broker } from '../../broker/broker.ts';
import type { ExchangeNode } from '../plan/parts/exchange-node.ts';
import { StateReader } from '../state/state-reader.ts';
import { StateWriter } from '../state/state-writer.ts';
import type { Row, Value } from '../values/value.ts';
import type { StatementHash } from './checkpoint.ts';
import { checkpointTopicOf } from './checkpoint-topic.ts';
import { growTo } from './grow-to.ts';

/** What follows in a block. */
const entry = { end: 0, row: 1, time: 2 } as const;

export function repartitionTopicOf(application: string, { exchange }: Pick<ExchangeNode, 'exchange'>): string {
  const { stream, keys } = exchange;
  const shown = [stream, ...keys.map((key) => key.shown)].join('-');
  const safe = shown.replace(/[^a-zA-Z0-9._-]/g, '_').slice(0, 40);
  // Two exchanges must not become one, whatever their names look like.
  const meant = JSON.stringify([stream, ...keys.map(({ text }) => text)]);
  const suffix = createHash('sha256').update(meant).digest('hex').slice(0, 8);
  return `${checkpointTopicOf(application).slice(0, 190)}-by-${safe}-${suffix}`;
}

/** Blocks of another script, or of state that was forgotten since, mean nothing: they have another text in front. */
export function fingerprintOf(statements: readonly StatementHash[], generation: string): string {
  const text = JSON.stringify([statements.map(({ name, hash }) => [name, hash]), generation]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 11);
}

/**
 * Kept until it has been read: what is behind all checkpoints is deleted by those who read it. An application that is cut anew
 * uses its topic again, with more partitions where there are more parts; blocks of the cut before have another fingerprint.
 */
export async function ensureRepartitionTopic(broker: Broker, topic: string, parts: number): Promise<void> {
  const config = {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'retention.bytes': '-1',
    'segment.bytes': String(64 * 1024 * 1024),
  };
  try {
    await broker.createTopic({ name: topic, partitions: parts, config });
  } catch (error) {
    if (!isError(error, 'TOPIC_EXISTS')) throw error;
    const { partitions } = await broker.describeTopic(topic);
    if (partitions.length < parts) await growTo(broker, topic, parts);
  }
}

/** A block in the making. */
export class BlockWriter {
  private readonly writer = new StateWriter();
  private readonly columns: readonly number[];
  private time: number | undefined;

  constructor(fingerprint: string, part: number, columns: readonly number[]) {
    this.columns = columns;
    this.writer.text(fingerprint);
    this.writer.count(part);
  }

  get bytes(): number {
    return this.writer.take().length;
  }

  row({ values, timestamp }: Row, time: number): void {
    const { writer } = this;
    if (time !== this.time) this.tell(time);
    writer.count(entry.row);
    writer.number(timestamp);
    for (let i = 0; i < this.columns.length; i++) writer.value(values[this.columns[i]!]!);
  }

  tell(time: number): void {
    this.writer.count(entry.time);
    this.writer.number(time);
    this.time = time;
  }

  take(): Uint8Array {
    this.writer.count(entry.end);
    return this.writer.take();
  }
}

export interface BlockReader {
  /** `time`: that of the sender in front of the row. */
  row(row: Row, time: number): void;
  time(part: number, time: number): void;
}

/** False where the block is of another script or generation. BATCH_CORRUPT where it is none. */
export function readBlock(
  block: Uint8Array,
  fingerprint: string,
  { columns, width }: Pick<ExchangeNode, 'columns' | 'width'>,
  to: BlockReader,
): boolean {
  const reader = new StateReader(block);
  if (reader.text() !== fingerprint) return false;
  const part = reader.count();
  let time = Number.NEGATIVE_INFINITY;
  for (;;) {
    switch (reader.count()) {
      case entry.end:
        reader.end();
        return true;
      case entry.time:
        time = reader.number();
        to.time(part, time);
        break;
      case entry.row: {
        const timestamp = reader.number();
        const values = new Array<Value>(width).fill(null);
        for (let i = 0; i < columns.length; i++) values[columns[i]!] = reader.value();
        to.row({ values, timestamp }, time);
        break;
      }
      default:
        throw new TributaryError(
          'BATCH_CORRUPT',
          'Cannot read a block of a repartition topic: an entry of no known kind',
        );
    }
  }
}
