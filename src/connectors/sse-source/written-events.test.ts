/** Events that are written as they come are, byte for byte, what their records would have become. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { anywhere } from '../../../test/support/converter-context.ts';
import { fuzzRuns } from '../../../test/support/random.ts';
import { systemClock } from '../../base/clock.ts';
import type { RawConfig } from '../../config/raw.ts';
import { ColumnBatch } from '../../record/column-batch.ts';
import { asList } from '../../record/value-column.ts';
import { recordingLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { EventStreamParser } from '../../wire/sse/event-stream-parser.ts';
import { BatchPreparation } from '../../worker/batch-preparation.ts';
import { converterNames, selectConverters } from '../../worker/converter-selection.ts';
import { errorMetrics } from '../../worker/error-metrics.ts';
import { errorPolicyOf } from '../../worker/error-policy.ts';
import { RecordFailures } from '../../worker/record-failures.ts';
import type { SourceBatch, WriteValue } from '../contract.ts';
import { Intake } from './intake.ts';
import { declareMeters } from './meters.ts';
import { settingsOf } from './settings.ts';

const log = recordingLog([]);
const readings = {
  ...{ queueRecords: () => 0, queueBytes: () => 0, queueCapacity: 1, queueCapacityBytes: 1, tlsInsecure: false },
  ...{ isConnected: () => true, isPaused: () => false, isFinished: () => false },
  ...{ secondsSinceLastEvent: () => 0, uptimeSeconds: () => 0, secondsSinceLastReconnect: () => 0 },
};

function preparationBy(config: RawConfig): BatchPreparation {
  const metrics = errorMetrics(new MetricRegistry().root());
  const policy = errorPolicyOf(config);
  return new BatchPreparation({
    chain: undefined,
    converters: selectConverters(config, {}, anywhere),
    converterNames: converterNames(config, {}),
    failures: new RecordFailures({ policy, metrics, log, clock: systemClock, random: () => 0 }),
    deadLetters: undefined,
    learn: () => undefined,
    boundsOf: () => ({ partitions: 1, maxBytes: 1_000_000 }),
    maxBatchBytes: 1_000_000,
    clock: systemClock,
    signal: new AbortController().signal,
  });
}

/** What the source makes of a stream, cut in two. */
function batchesOf(stream: Uint8Array, cut: number, writeValue: WriteValue | undefined): SourceBatch[] {
  const { queue, events } = settingsOf({ 'sse.uri': 'http://127.0.0.1/', topic: 't' });
  const meters = declareMeters(new MetricRegistry().root(), readings);
  const intake: Intake = new Intake({
    ...{ topic: 't', queue, events, log, writeValue },
    meters: () => meters,
    onRecords: () => {},
    lastEventId: () => parser.lastEventId,
    onRetry: () => {},
    onOversize: () => true,
    onUnwritable: (error) => {
      throw error;
    },
    onGap: () => '',
  });
  const parser = new EventStreamParser(intake, events.maxBytes);
  intake.begin(0);
  parser.push(stream.subarray(0, cut));
  parser.push(stream.subarray(cut));
  intake.settle(stream.length);
  const common = { partition: {}, offset: {}, receivedAtMs: 0 };
  if (writeValue === undefined) return intake.length === 0 ? [] : [{ ...common, records: intake.take().records }];
  const batches: SourceBatch[] = [];
  for (let taken = intake.takeColumn(); taken !== undefined; taken = intake.takeColumn()) {
    const column = { topic: 't', schema: null, values: taken.values, isWritten: intake.writes };
    batches.push(new ColumnBatch({ ...common, column, onRelease: () => {} }));
  }
  return batches;
}

async function stored(preparation: BatchPreparation, batches: readonly SourceBatch[]): Promise<string[]> {
  const values: string[] = [];
  for (const batch of batches) {
    const { sends, failure, records } = await preparation.prepare(batch);
    equal(failure, undefined);
    const sent = sends.flatMap((send) => asList(send.records));
    equal(sent.length, records);
    for (const { key, value, headers, timestampMs } of sent) {
      deepEqual([key, headers.length, timestampMs], [null, 0, null]);
      values.push(Buffer.from(value!).toString('latin1'));
    }
  }
  return values;
}

const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme', maxLength: 20 }),
    fc.constantFrom('', '0', ' ', '{"a":"b\\n"}', '\u0000\u0001\u001f"\\/\b\f\t\u007f\u2028', '🌍\ud7ff\ufeff'),
  )
  .map((value) => Buffer.from(value));
/** Lone surrogates as bytes, and other bytes that are no UTF-8. */
const broken = fc.oneof(
  fc.constant(Buffer.from('eda080', 'hex')),
  fc.uint8Array({ maxLength: 6 }).map((b) => Buffer.from(b)),
);
/** Longer than what a converter writes in its place. */
const long = fc.constantFrom(10_000, 11_000, 70_000).map((length) => Buffer.alloc(length, 'long "é" '));
const value = fc.oneof(
  { weight: 10, arbitrary: text },
  { weight: 2, arbitrary: broken },
  { weight: 1, arbitrary: long },
);
const line = fc
  .tuple(fc.constantFrom('data: ', 'data: ', 'data:', 'data', 'id: ', 'id:', 'event: ', ': ', 'other: '), value)
  .map(([field, bytes]) => Buffer.concat([Buffer.from(field), bytes, Buffer.from('\n')]));
const stream = fc
  .array(fc.array(line, { maxLength: 5 }), { minLength: 1, maxLength: 12 })
  .map((blocks) => Buffer.concat(blocks.flatMap((lines) => [...lines, Buffer.from('\n')])));

for (const config of [
  {},
  { 'value.converter': 'JsonConverter', 'value.converter.schemas.enable': 'false' },
  { 'value.converter': 'JsonConverter' },
] as readonly RawConfig[]) {
  test(`any events are stored as their records are, with ${JSON.stringify(config)}`, async () => {
    const preparation = preparationBy(config);
    ok(preparation.writeValue !== undefined);
    await fc.assert(
      fc.asyncProperty(stream, fc.nat(400), async (bytes, cut) => {
        const fast = await stored(preparation, batchesOf(bytes, cut, preparation.writeValue));
        deepEqual(fast, await stored(preparation, batchesOf(bytes, cut, undefined)));
      }),
      { numRuns: fuzzRuns(150) },
    );
  });
}

test('an event with all there is, word for word', async () => {
  const preparation = preparationBy({});
  const bytes = Buffer.from('event: a"b\nid: 7\ndata: {"n":"é🌍"}\ndata: two\n\ndata:\n\nid\ndata: x\n\n');
  deepEqual(
    (await stored(preparation, batchesOf(bytes, 5, preparation.writeValue))).map((one) =>
      Buffer.from(one, 'latin1').toString(),
    ),
    [
      '{"event":"a\\"b","id":"7","data":"{\\"n\\":\\"é\\uD83C\\uDF0D\\"}\\ntwo"}',
      '{"event":"unknown","id":null,"data":""}',
      '{"event":"unknown","id":"","data":"x"}',
    ],
  );
});
