import { deepEqual, equal } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import type { Clock } from '../../base/clock.ts';
import type { Codecs } from '../../record/codecs.ts';
import { crc32c } from '../../record/crc32c.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { Maintenance } from './maintenance.ts';
import { EmbeddedProducer } from './producer.ts';
import type { PartitionSize } from './protocol.ts';
import { readPartition } from './reader.ts';
import { StoreClient } from './store-client.ts';
import { TopicTable } from './topic-table.ts';

/** Any compression will do, so long as it changes the bytes. */
const codecs: Codecs = {
  crc32c,
  compress: (name, bytes) => (name === 'none' ? bytes : deflateSync(bytes)),
  decompress: (name, bytes) => (name === 'none' ? bytes : inflateSync(bytes)),
};

for (const compression of ['none', 'zstd'] as const) {
  test(`compaction keeps the last record of each key as it was, at its offset (${compression})`, async () => {
    await using log = await openLog({ 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.1' }, compression);
    await log.send([record('a', '1'), record('b', '1'), record('a', '2')]);
    await log.send([record('b', '2'), record('c', '1')]);
    await log.send([record('b', '3')]);
    await log.maintenance.runOnce();
    deepEqual(await log.read(), ['2 a=2 h', '4 c=1 h', '5 b=3 h']);
    equal((await log.size()).dirtyBytes, 0);
    await log.send([record('c', '2')]);
    await log.maintenance.runOnce();
    deepEqual(await log.read(), ['2 a=2 h', '5 b=3 h', '6 c=2 h']);
  });
}

test('a tombstone stays for delete.retention.ms after compaction met it, and is gone then', async () => {
  await using log = await openLog({ 'cleanup.policy': 'compact', 'delete.retention.ms': '1000' });
  await log.send([record('a', '1')]);
  await log.send([record('a', null)]);
  await log.send([record('b', '1')]);
  await log.maintenance.runOnce();
  deepEqual(await log.read(), ['1 a=null h', '2 b=1 h']);
  log.clock.now += 999;
  await log.maintenance.runOnce();
  deepEqual(await log.read(), ['1 a=null h', '2 b=1 h']);
  log.clock.now += 1;
  await log.maintenance.runOnce();
  deepEqual(await log.read(), ['2 b=1 h']);
});

test('what is younger than min.compaction.lag.ms is not compacted', async () => {
  await using log = await openLog({ 'cleanup.policy': 'compact', 'min.compaction.lag.ms': '1000' });
  await log.send([record('a', '1')]);
  await log.send([record('a', '2')]);
  await log.maintenance.runOnce();
  equal((await log.read()).length, 2);
  log.clock.now += 1001;
  await log.maintenance.runOnce();
  deepEqual(await log.read(), ['1 a=2 h']);
});

test('records older than retention.ms go, batch by batch, and younger ones stay', async () => {
  await using log = await openLog({ 'retention.ms': '1000' });
  await log.send([record('a', '1'), record('a', '2')]);
  log.clock.now += 600;
  await log.send([record('a', '3')]);
  log.clock.now += 600;
  await log.maintenance.runOnce();
  deepEqual(await log.read(), ['2 a=3 h']);
  log.clock.now += 600;
  await log.maintenance.runOnce();
  deepEqual(await log.read(), []);
  equal(log.topics.partition('t', 0).first, 3);
  await log.send([record('a', '4')]);
  deepEqual(await log.read(), ['3 a=4 h']);
});

test('without retention.ms the default of the broker holds', async () => {
  await using log = await openLog({}, 'none', 500);
  await log.send([record('a', '1')]);
  log.clock.now += 501;
  await log.maintenance.runOnce();
  deepEqual(await log.read(), []);
});

class ManualClock implements Clock {
  now = 1_700_000_000_000;
  nowMs(): number {
    return this.now;
  }
  monotonicMs(): number {
    return this.now;
  }
}

async function openLog(config: Record<string, string>, compression: 'none' | 'zstd' = 'none', retentionMs?: number) {
  const folder = mkdtempSync(join(tmpdir(), 'embedded-maintenance-'));
  const clock = new ManualClock();
  const { client, state } = await StoreClient.open({ path: join(folder, 'test.db'), nowMs: clock.now }, failOn);
  const topics = new TopicTable(client, state.topics);
  const made = await client.write({ kind: 'create-topic', name: 't', id: 'id', partitions: 1, config });
  if (made.kind === 'topic') topics.set(made.topic);
  const parts = { client, topics, codecs, clock, isCurrent: () => true, producerId: 1, onClosed: () => {} };
  const producer = new EmbeddedProducer(parts, { compression });
  const defaults = retentionMs === undefined ? {} : { retentionMs };
  const onFailure = (reason: string): never => failOn({ message: reason });
  const maintenance = new Maintenance({ client, topics, codecs, clock, defaults, intervalMs: 60_000, onFailure });
  return {
    clock,
    topics,
    maintenance,
    send: (records: readonly ProduceRecord[]) => producer.send('t', 0, records),
    size: () => client.read<PartitionSize>({ kind: 'partition-size', partition: topics.partition('t', 0).no }),
    read: async (): Promise<string[]> => {
      const found: string[] = [];
      const onDamaged = (topic: string): never => failOn({ message: `a batch of ${topic} is damaged` });
      const reader = { client, topics, codecs, onDamaged, onRepaired: onDamaged };
      const options = { topic: 't', partition: 0, from: 'earliest', until: 'end' } as const;
      for await (const { records } of readPartition(reader, options)) {
        for (const { offset, key, value, headers } of records)
          found.push(`${offset} ${key}=${value} ${headers.map((header) => header.key)}`);
      }
      return found;
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await maintenance.close();
      await client.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function record(key: string, value: string | null): ProduceRecord {
  const headers = [{ key: 'h', value: Buffer.from('v') }];
  return { key: Buffer.from(key), value: value === null ? null : Buffer.from(value), headers, timestampMs: null };
}

function failOn({ message }: { readonly message: string }): never {
  throw new Error(message);
}
