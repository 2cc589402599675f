import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../test/support/random.ts';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { systemClock } from '../../base/clock.ts';
import type { Codecs } from '../../record/codecs.ts';
import { crc32c } from '../../record/crc32c.ts';
import { noHeaders, type ProduceRecord } from '../../record/record.ts';
import { asList } from '../../record/value-column.ts';
import type { DamagedRange } from '../broker.ts';
import { fetchRuns } from './fetch-runs.ts';
import { Maintenance } from './maintenance.ts';
import { EmbeddedProducer } from './producer.ts';
import { type ReaderParts, readPartition } from './reader.ts';
import { StoreClient } from './store-client.ts';
import { TopicTable } from './topic-table.ts';

const topic = 't';

test(`runs are what a reader of committed records reads, whatever the log holds (TEST_SEED=${testSeed})`, async () => {
  const random = seeded(testSeed);
  const seen = { records: 0, damaged: 0 };
  for (let run = 0; run < fuzzRuns(2); run++) {
    await using log = await openLog(run % 2 === 0);
    await log.fill(random);
    log.damageOneOf(2 + Math.floor(random() * 4));
    const { first, stable } = log.parts.topics.partition(topic, 0);
    for (const from of [first, first + Math.floor(random() * (stable - first + 1))]) {
      const wanted = await readAll(log.parts, from);
      const maxBytes = 1000 + Math.floor(random() ** 2 * 20_000);
      deepEqual(await fetchAll(log.parts, from, maxBytes), wanted, `run ${run}, from ${from} of ${first} to ${stable}`);
      seen.records += wanted.records.length;
      seen.damaged += wanted.damaged.length;
    }
  }
  ok(seen.records + seen.damaged > 5, JSON.stringify(seen));
});

test('an offset before the first or behind the end is out of range', async () => {
  await using log = await openLog(false);
  const request = { topic, partition: 0, maxBytes: 100 };
  for (const offset of [-1, 1])
    await rejects(fetchRuns(log.parts, { ...request, offset }), { code: 'OFFSET_OUT_OF_RANGE' });
  equal((await fetchRuns(log.parts, { ...request, offset: 0 })).runs.length, 0);
});

interface Seen {
  readonly records: readonly unknown[];
  readonly damaged: readonly DamagedRange[];
}

async function fetchAll(parts: ReaderParts, from: number, maxBytes: number): Promise<Seen> {
  const records: unknown[] = [];
  const damaged: DamagedRange[] = [];
  for (let offset = from; offset < parts.topics.partition(topic, 0).stable; ) {
    const fetched = await fetchRuns(parts, { topic, partition: 0, offset, maxBytes });
    for (const run of fetched.runs) records.push(...asList(run).map(plain));
    damaged.push(...fetched.damaged);
    fetched.release();
    ok(fetched.nextOffset > offset, `it stays at ${offset}`);
    offset = fetched.nextOffset;
  }
  return { records, damaged };
}

async function readAll(parts: ReaderParts, from: number): Promise<Seen> {
  const records: unknown[] = [];
  const damaged: DamagedRange[] = [];
  const options = { topic, partition: 0, from: { offset: from }, until: 'end', isolation: 'read-committed' } as const;
  for await (const fetched of readPartition(parts, options)) {
    for (const record of fetched.records) records.push(plain(record));
    damaged.push(...(fetched.damaged ?? []));
  }
  return { records, damaged };
}

function plain({ key, value, headers, timestampMs }: ProduceRecord): unknown {
  const text = (part: Uint8Array | null): string | null => part && Buffer.from(part).toString();
  return [text(key), text(value), headers.map((header) => header.key), timestampMs];
}

async function openLog(isCompacted: boolean) {
  const folder = await tempFolder('fetch-runs');
  let damagedOf = 0;
  // Checksums of some batches are wrong, once the log is written.
  const codecs: Codecs = {
    crc32c: (bytes) => {
      const crc = crc32c(bytes);
      return damagedOf > 0 && crc % damagedOf === 0 ? crc ^ 1 : crc;
    },
    compress: (_name, bytes) => bytes,
    decompress: (_name, bytes) => bytes,
  };
  const clock = systemClock;
  const failOn = ({ message }: { readonly message: string }): never => {
    throw new Error(message);
  };
  const { client, state } = await StoreClient.open({ path: `${folder.path}/test.db`, nowMs: clock.nowMs() }, failOn);
  const topics = new TopicTable(client, state.topics);
  const config: Record<string, string> = isCompacted
    ? { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' }
    : {};
  const made = await client.write({ kind: 'create-topic', name: topic, id: 'id', partitions: 1, config });
  if (made.kind === 'topic') topics.set(made.topic);
  const parts: ReaderParts = { client, topics, codecs, onDamaged: () => {}, onRepaired: () => {} };
  return {
    parts,
    damageOneOf: (count: number) => {
      damagedOf = count;
    },
    /** Sends of two producers, one of them in transactions, which are committed or aborted or cut by those of the other. */
    async fill(random: () => number): Promise<void> {
      const common = { client, topics, codecs, clock, isCurrent: () => true, onClosed: () => {} };
      const plainProducer = new EmbeddedProducer({ ...common, producerId: 1 }, {});
      const transactional = new EmbeddedProducer({ ...common, producerId: 2 }, { transactionalId: 'x' });
      let isOpen = false;
      for (let turn = 0; turn < 24; turn++) {
        const records = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, index) =>
          arbitraryRecord(random, isCompacted, `${turn}-${index}`),
        );
        if (random() < 0.4) {
          await plainProducer.send(topic, 0, records);
          continue;
        }
        if (!isOpen) await transactional.begin();
        isOpen = true;
        await transactional.send(topic, 0, records);
        if (random() < 0.5) continue;
        await (random() < 0.5 ? transactional.commit() : transactional.abort());
        isOpen = false;
      }
      if (isOpen && random() < 0.5) await transactional.abort();
      if (!isCompacted) return;
      const onFailure = (reason: string): never => failOn({ message: reason });
      const maintenance = new Maintenance({
        client,
        topics,
        codecs,
        clock,
        defaults: {},
        intervalMs: 60_000,
        onFailure,
      });
      await maintenance.runOnce();
      await maintenance.close();
    },
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await client.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** Mostly values alone, which become columns; where the log is compacted each has a key. */
function arbitraryRecord(random: () => number, hasKey: boolean, name: string): ProduceRecord {
  const isPlain = random() < 0.8;
  return {
    key: hasKey || !isPlain ? Buffer.from(`k${Math.floor(random() * 12)}`) : null,
    value: !isPlain && random() < 0.3 ? null : Buffer.from(name.repeat(1 + Math.floor(random() ** 3 * 100))),
    headers: isPlain ? noHeaders : [{ key: 'h', value: null }],
    timestampMs: 1_700_000_000_000 + Math.floor(random() * 1e6),
  };
}
