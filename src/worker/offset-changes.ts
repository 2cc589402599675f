/** Changes of a stopped connector's offsets, as people ask for them over REST. */
import { TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Connector, SourceMap } from '../connectors/contract.ts';
import type { TopicPartition } from '../record/record.ts';
import type { OffsetTable } from './offset-table.ts';

/** A null offset deletes the entry. */
export interface OffsetChange {
  readonly partition: SourceMap | null;
  readonly offset: SourceMap | null;
}

export interface OffsetChangeTarget {
  readonly name: string;
  readonly connector: Connector;
  readonly config: RawConfig;
  readonly offsets: OffsetTable;
  readonly broker: Broker;
}

/**
 * Gives whether the connector says itself that it takes part in this. CONFIG_INVALID with its reason where it refuses, and
 * where the offsets of a sink do not have the form they must have.
 */
export async function changeOffsets(target: OffsetChangeTarget, changes: readonly OffsetChange[]): Promise<boolean> {
  const { name, connector, config, offsets, broker } = target;
  if (connector.kind === 'sink') {
    const parsed = changes.map(parseSinkChange);
    await broker.setCommittedOffsets(groupOf(name), parsed);
    return false;
  }
  // A change without a partition names nothing: Connect passes over it, and so do we.
  const named = changes.filter(
    (change): change is OffsetChange & { readonly partition: SourceMap } => change.partition !== null,
  );
  const confirmed = connector.checkOffsets?.(config, named) ?? false;
  await offsets.put(name, named);
  return confirmed;
}

/** Forgets every offset. */
export async function resetOffsets(target: OffsetChangeTarget): Promise<boolean> {
  const { name, connector, config, offsets, broker } = target;
  if (connector.kind === 'sink') {
    const committed = await broker.committedOffsets(groupOf(name));
    if (committed.length > 0) await broker.deleteGroup(groupOf(name));
    return false;
  }
  const changes = offsets.all(name).map(({ partition }) => ({ partition, offset: null }));
  const confirmed = connector.checkOffsets?.(config, changes) ?? false;
  await offsets.put(name, changes);
  return confirmed;
}

export function groupOf(connector: string): string {
  return `connect-${connector}`;
}

function parseSinkChange({ partition, offset }: OffsetChange): TopicPartition & { readonly offset: number | null } {
  if (partition === null) throw wrong('The partition for a sink connector offset cannot be null or missing');
  if (!('kafka_topic' in partition) || !('kafka_partition' in partition)) {
    throw wrong("The partition for a sink connector offset must contain the keys 'kafka_topic' and 'kafka_partition'");
  }
  const { kafka_topic: topic, kafka_partition: number } = partition;
  if (topic === null) throw wrong('Kafka topic names must be valid strings and may not be null');
  if (number === null) throw wrong('Kafka partitions must be valid numbers and may not be null');
  const parsed = wholeNumber(number);
  if (parsed === undefined) {
    throw wrong(
      `Failed to parse the following Kafka partition value in the provided offsets: '${String(number)}'. ` +
        'Partition values for sink connectors need to be integers.',
    );
  }
  return { topic: String(topic), partition: parsed, offset: offset === null ? null : parseSinkOffset(offset) };
}

function parseSinkOffset(offset: SourceMap): number {
  if (!('kafka_offset' in offset)) {
    throw wrong("The offset for a sink connector should either be null or contain the key 'kafka_offset'");
  }
  const parsed = wholeNumber(offset['kafka_offset']);
  if (parsed !== undefined) return parsed;
  throw wrong(
    `Failed to parse the following Kafka offset value in the provided offsets: '${String(offset['kafka_offset'])}'. ` +
      'Offset values for sink connectors need to be integers.',
  );
}

function wholeNumber(value: unknown): number | undefined {
  return /^\d{1,15}$/.test(String(value)) ? Number(value) : undefined;
}

function wrong(problem: string): TributaryError {
  return new TributaryError('CONFIG_INVALID', problem);
}
