import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { type MemoryBroker, memoryBroker } from '../../../test/support/memory-broker.ts';
import { scriptedPartition, scriptedSource, textRecord } from '../../../test/support/scripted-source.ts';
import { feed, makeTopics, outputOf, startCheckpointed, windowScript } from '../../../test/support/sql-topics.ts';
import { TributaryError } from '../../base/errors.ts';
import { recordingLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { Application } from '../plan/application.ts';
import { stateOf } from './checkpoint-state.ts';
import { type CheckpointSummary, summaryOf } from './checkpoint-summary.ts';
import { readEntries, recordOf } from './checkpoint-topic.ts';
import { Checkpoints } from './checkpoints.ts';

const checkpointTopic = '__tributary-sql-app';

async function brokerWithRows(rows: number): Promise<MemoryBroker> {
  const broker = memoryBroker();
  await makeTopics(broker);
  await feed(broker, 0, rows);
  return broker;
}

test('a stop takes a last checkpoint, and the next start goes on in the midst of a window', async () => {
  await using broker = await brokerWithRows(25);
  const first = startCheckpointed(broker, windowScript(), { intervalMs: 60_000 });
  await first.until(() => first.run.application.statistics().streams[0]!.rows === 25, 'the rows');
  deepEqual(broker.values('out'), [], 'rows are seen with the checkpoint behind them');
  await first.stop();
  deepEqual(broker.values('out'), outputOf(25));
  await feed(broker, 25, 52);
  await using second = startCheckpointed(broker, windowScript());
  await broker.holds('out', outputOf(52).length);
  deepEqual(broker.values('out'), outputOf(52));
  await second.stop();
  equal(second.run.application.statistics().streams[0]!.rows, 52);
});

test('checkpoints follow the interval, and none is taken where nothing happens', async () => {
  await using broker = await brokerWithRows(25);
  await using app = startCheckpointed(broker, windowScript());
  await broker.holds('out', outputOf(25).length);
  await app.until(() => app.metric('checkpoints_total') >= 1, 'a checkpoint');
  equal(app.metric('checkpoint_failures_total'), 0);
  const before = app.metric('checkpoints_total');
  for (let interval = 0; interval < 8; interval++) await new Promise((wake) => setTimeout(wake, 5));
  ok(app.metric('checkpoints_total') - before <= 1, 'only what had come meanwhile');
  ok(app.metric('checkpoint_bytes') > 50);
  equal(app.metric('uncommitted_bytes'), 0);
});

test('checkpoints that take long are taken more rarely, and one that did puts off nothing', async () => {
  await using broker = memoryBroker();
  const clock = new ManualClock();
  const script = 'CREATE STREAM In (s STRING); INSERT INTO Out SELECT COUNT(*) AS n FROM In;';
  const checkpoints = await Checkpoints.open({
    settings: {
      application: 'app',
      intervalMs: 1000,
      delivery: 'exactly-once',
      reset: false,
      generation: '',
      howToReset: '',
      maxBytes: 1024,
    },
    script,
    broker,
    signal: AbortSignal.timeout(60_000),
    clock,
    log: recordingLog([]),
    metrics: new MetricRegistry().root(),
  });
  const application = new Application(script, { random: () => 0.5, maxState: 10 });
  const waits: number[] = [];
  for (const tookMs of [1800, 20, 2000, 1000, 5000, 4000, 20]) {
    broker.beforeCommit = () => clock.advance(tookMs);
    await checkpoints.store(application);
    waits.push(checkpoints.waitMs);
  }
  await checkpoints.close();
  deepEqual(waits, [1000, 1000, 1000, 9000, 9000, 20_000, 1000]);
});

test('rows that are pushed bring on a checkpoint, too, where they are too many to be held until the next', async () => {
  await using broker = memoryBroker();
  await makeTopics(broker);
  const script = `CREATE STREAM In (s STRING);
    CREATE STREAM Out (s STRING) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'out');
    INSERT INTO Out SELECT s FROM In;
    INSERT INTO Counted SELECT COUNT(*) AS n FROM In;`;
  await using app = startCheckpointed(broker, script, { intervalMs: 600_000 }, undefined, { isFed: true });
  await app.run.whenOpen;
  const s = 'x'.repeat(500_000);
  for (let rows = 0; rows < 36; rows++) await app.run.push('In', [s]);
  equal(app.metric('checkpoints_total'), 1);
  ok(broker.values('out').length > 30);
  await app.stop();
  equal(broker.values('out').length, 36);
});

test('delivery at least once: rows are seen at once, the state is as safe', async () => {
  await using broker = await brokerWithRows(25);
  const settings = { delivery: 'at-least-once', intervalMs: 60_000 } as const;
  const first = startCheckpointed(broker, windowScript(), settings);
  await broker.holds('out', outputOf(25).length);
  await first.stop();
  await feed(broker, 25, 45);
  await using second = startCheckpointed(broker, windowScript(), settings);
  await broker.holds('out', outputOf(45).length);
  deepEqual(broker.values('out'), outputOf(45));
  await second.stop();
});

/** Breaks the broker in some way; the application must not notice but for the count. */
const troubles: Readonly<Record<string, (broker: MemoryBroker) => void>> = {
  'a send that fails': (broker) => {
    let sends = 0;
    broker.beforeSend = (topic) => {
      if (topic === 'out' && ++sends === 1) throw away();
    };
  },
  'a commit that fails': (broker) => {
    let commits = 0;
    broker.beforeCommit = () => {
      if (++commits < 3) throw away();
    };
  },
  'a commit that took place without an answer': (broker) => {
    let commits = 0;
    broker.afterCommit = () => {
      if (++commits < 3) throw away();
    };
  },
  'a checkpoint that is not stored': (broker) => {
    let sends = 0;
    broker.beforeSend = (topic) => {
      if (topic === checkpointTopic && ++sends < 3) throw away();
    };
  },
};
function away(): TributaryError {
  return new TributaryError('BROKER_UNAVAILABLE', 'away', { retriable: true });
}
for (const [what, trouble] of Object.entries(troubles)) {
  test(`${what} is got over, with each row once`, async () => {
    await using broker = await brokerWithRows(25);
    trouble(broker);
    await using app = startCheckpointed(broker, windowScript());
    await broker.holds('out', outputOf(25).length);
    await feed(broker, 25, 45);
    await broker.holds('out', outputOf(45).length);
    await app.stop();
    deepEqual(broker.values('out'), outputOf(45));
    ok(app.metric('checkpoint_failures_total') >= 1);
  });
}

test('a row that the broker will never take is given up alone, and counted', async () => {
  await using broker = await brokerWithRows(45);
  broker.beforeSend = (topic, _, records) => {
    if (topic === 'out' && records.some(({ value }) => Buffer.from(value!).includes('"w":20')))
      throw new TributaryError('RECORD_TOO_LARGE', 'too large');
  };
  await using app = startCheckpointed(broker, windowScript());
  const kept = outputOf(45).filter((row) => !row.includes('"w":20'));
  await broker.holds('out', kept.length);
  await app.stop();
  deepEqual(broker.values('out'), kept);
  equal(app.run.application.dropped('Out'), 3);
});

test('a sink that fails the application takes nothing back: the next start reads the rows again', async () => {
  await using broker = await brokerWithRows(25);
  broker.beforeSend = (topic) => {
    if (topic === 'out') throw new TributaryError('AUTHORIZATION_FAILED', 'not allowed');
  };
  const failing = windowScript().replace("kafka.topic = 'out'", "kafka.topic = 'out', error.strategy = 'fail'");
  const first = startCheckpointed(broker, failing);
  await rejects(first.done, { code: 'AUTHORIZATION_FAILED' });
  deepEqual(broker.values('out'), []);
  broker.beforeSend = () => {};
  await using second = startCheckpointed(broker, failing);
  await broker.holds('out', outputOf(25).length);
  await second.stop();
  deepEqual(broker.values('out'), outputOf(25));
});

test('the application that is started last goes on; the other one ends with the reason', async () => {
  await using broker = await brokerWithRows(25);
  const first = startCheckpointed(broker, windowScript());
  await broker.holds('out', outputOf(25).length);
  await using second = startCheckpointed(broker, windowScript());
  await feed(broker, 25, 45);
  await rejects(first.done, {
    code: 'PRODUCER_FENCED',
    message: /another one with the transactional id "tributary-sql-app"/,
  });
  await broker.holds('out', outputOf(45).length);
  await second.stop();
  deepEqual(broker.values('out'), outputOf(45));
});

function countScript(extension: 'websocket' | 'sse'): string {
  return `CREATE STREAM Feed (k STRING) WITH (type = 'source', extension = '${extension}', format = 'json',
      ${extension}.url = '${extension === 'sse' ? 'http' : 'ws'}://127.0.0.1:1/');
    CREATE STREAM Out (k STRING, n LONG) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'out');
    INSERT INTO Out SELECT k, COUNT(*) AS n FROM Feed GROUP BY k;`;
}

test('a source with positions of its own goes on behind the last one', async () => {
  await using broker = await brokerWithRows(1);
  const source = scriptedSource();
  for (const [start, count] of [1, 2].entries()) {
    const app = startCheckpointed(broker, countScript('sse'), {}, source);
    await app.until(() => source.runs.length === start + 1, 'the source');
    const run = source.runs[start]!;
    deepEqual(run.context.resumeOffset(scriptedPartition), start === 0 ? undefined : { sequence: 1 });
    run.give('{"k":"a"}');
    await broker.holds('out', count);
    await app.stop();
    equal(app.metric('source_gaps_total') > 0, false);
  }
  deepEqual(broker.values('out'), ['{"k":"a","n":1}', '{"k":"a","n":2}']);
});

test('a source that cannot be read again goes on with its state, and the gap is counted and logged', async () => {
  await using broker = await brokerWithRows(1);
  const source = scriptedSource();
  for (const start of [0, 1]) {
    const app = startCheckpointed(broker, countScript('websocket'), {}, source);
    await app.until(() => source.runs.length === start + 1, 'the source');
    source.runs[start]!.giveBatch({ records: [textRecord('', '{"k":"a"}')], partition: {}, receivedAtMs: 0 });
    await broker.holds('out', start + 1);
    await app.stop();
    equal(app.metric('source_gaps_total') || 0, start);
    equal(
      app.log.filter(({ event, fields }) => event === 'sql_source_gap' && fields['stream'] === 'Feed').length,
      start,
    );
  }
  deepEqual(broker.values('out'), ['{"k":"a","n":1}', '{"k":"a","n":2}']);
});

test('records that retention took while nobody ran are counted, and reading goes on behind them', async () => {
  await using broker = await ranOnce();
  await feed(broker, 25, 60);
  const read = broker.read.bind(broker);
  const offset = broker.offset.bind(broker);
  broker.offset = async (topic, partition, at) => (topic === 'in' ? 50 : offset(topic, partition, at));
  broker.read = (options) => {
    const { from, topic } = options;
    if (topic === 'in' && typeof from === 'object' && 'offset' in from && from.offset < 50)
      throw new TributaryError('OFFSET_OUT_OF_RANGE', 'gone');
    return read(options);
  };
  await using app = startCheckpointed(broker, windowScript());
  await app.until(() => app.run.application.statistics().streams[0]!.rows === 35, 'the rows that are left');
  equal(app.metric('source_missed_total'), 25);
});

test('a stop does not wait for a broker that stays away, and says what was not stored', async () => {
  await using broker = await brokerWithRows(25);
  broker.beforeCommit = () => {
    throw away();
  };
  await using app = startCheckpointed(broker, windowScript());
  await app.until(() => app.metric('checkpoint_failures_total') > 0, 'a failure');
  await rejects(app.stop(), { code: 'BROKER_UNAVAILABLE' });
  deepEqual(broker.values('out'), []);
});

async function ranOnce(script = windowScript()): Promise<MemoryBroker> {
  const broker = await brokerWithRows(25);
  await using app = startCheckpointed(broker, script);
  await broker.holds('out', outputOf(25).length);
  await app.stop();
  return broker;
}

const changes: Readonly<Record<string, readonly [from: string, to: string, why: RegExp | undefined]>> = {
  'an aggregate': ['MIN(t)', 'MAX(t)', /: query 1 \(INSERT INTO Out\) has changed\. .*start it with --reset$/],
  'the input topic': ["'in'", "'other'", /: stream Input has changed\./],
  'a name': [
    'Input',
    'Incoming',
    /query 1 \(INSERT INTO Out\) has changed, stream Incoming is new, stream Input is gone/,
  ],
  'the spacing and a comment': ['INSERT INTO', '/* as before */ insert\n  into', undefined],
  'where it starts without a checkpoint': ["'earliest'", "'latest'", undefined],
  'what a sink does with errors': ["kafka.topic = 'out'", "kafka.topic = 'out', error.strategy = 'fail'", undefined],
};
for (const [what, [from, to, why]] of Object.entries(changes)) {
  test(`a script that differs in ${what} ${why === undefined ? 'goes on' : 'is refused'}`, async () => {
    await using broker = await ranOnce();
    await broker.createTopic({ name: 'other' });
    const script = windowScript().replaceAll(from, to);
    await using app = startCheckpointed(broker, script);
    if (why === undefined) {
      await feed(broker, 25, 45);
      await broker.holds('out', outputOf(45).length);
      return;
    }
    await rejects(app.done, { code: 'CONFLICT', message: why });
    equal(broker.values('out').length, outputOf(25).length);
  });
}

test('a reset forgets state and positions, and says so', async () => {
  await using broker = await ranOnce();
  await using app = startCheckpointed(broker, windowScript(), { reset: true });
  await broker.holds('out', 2 * outputOf(25).length);
  await app.stop();
  deepEqual(broker.values('out'), [...outputOf(25), ...outputOf(25)]);
  const said = app.log.find(({ event }) => event === 'sql_state_forgotten');
  equal(said?.fields['application'], 'app');
  ok(Number(said?.fields['bytes']) > 50);
});

test('another generation forgets once', async () => {
  await using broker = await ranOnce();
  for (let start = 0; start < 2; start++) {
    await using app = startCheckpointed(broker, windowScript(), { generation: '2' });
    await broker.holds('out', 2 * outputOf(25).length);
    await app.stop();
  }
  equal(broker.values('out').length, 2 * outputOf(25).length);
});

test('a checkpoint of the version before is gone on from, and its pieces are deleted with the next one', async () => {
  await using broker = await ranOnce();
  const entries = await readEntries(broker, checkpointTopic, 0, { signal: AbortSignal.timeout(60_000) });
  const found = summaryOf(entries, 0) as CheckpointSummary;
  const { index: _, ...summary } = found;
  const state = Buffer.from(stateOf(entries, found, 0).bytes);
  const half = Math.floor(state.length / 2);
  const before = { ...summary, version: 2, pieces: 2, sha256: createHash('sha256').update(state).digest('base64url') };
  const records = [
    recordOf('0/state/0', Buffer.concat([Buffer.from(summary.id), state.subarray(0, half)])),
    recordOf('0/state/1', Buffer.concat([Buffer.from(summary.id), state.subarray(half)])),
    recordOf('0/checkpoint', Buffer.from(JSON.stringify(before))),
  ];
  (broker.records(checkpointTopic) as Record_[]).splice(0);
  await using producer = await broker.producer();
  await producer.send(checkpointTopic, 0, records);
  await feed(broker, 25, 52);
  await using app = startCheckpointed(broker, windowScript());
  await broker.holds('out', outputOf(52).length);
  await app.stop();
  deepEqual(broker.values('out'), outputOf(52));
  const now = await readEntries(broker, checkpointTopic, 0, { signal: AbortSignal.timeout(60_000) });
  equal((summaryOf(now, 0) as CheckpointSummary).version, 3);
  ok(!now.has('0/state/0') && !now.has('0/state/1'));
});

type Record_ = ReturnType<MemoryBroker['records']>[number];
const damages: Readonly<Record<string, readonly [(records: Record_[]) => void, RegExp]>> = {
  'a piece that is missing': [
    (records) => drop(records, (piece) => piece.toString('latin1').includes('application')),
    /piece 1 of \d+ is missing/,
  ],
  'an index that is missing': [
    (records) => drop(records, (piece) => piece.length % 16 === 0 && !piece.includes('application')),
    /part 1 of 1 of its index is missing/,
  ],
  'a changed byte': [
    (records) =>
      change(records, /state/, (value) => {
        if (value.includes('application')) value.fill(255, value.length - 3);
      }),
    /the checksum of piece 1 of \d+ does not fit/,
  ],
  'a closing record that is no JSON': [
    (records) => change(records, /checkpoint/, (value) => value.fill('{')),
    /is no JSON/,
  ],
  'a newer format': [
    (records) => change(records, /checkpoint/, (value) => value.set(Buffer.from('9'), value.indexOf('3'))),
    /its format is 9/,
  ],
  'an older format': [
    (records) => change(records, /checkpoint/, (value) => value.set(Buffer.from('1'), value.indexOf('3'))),
    /its format is 1, and this version of Tributary reads formats 2 and 3/,
  ],
};
function drop(records: Record_[], isDropped: (piece: Buffer) => boolean): void {
  const kept = records.filter(
    ({ key, value }) => !/state/.test(String(key)) || value === null || !isDropped(value as Buffer),
  );
  records.splice(0, records.length, ...kept.map((record, offset) => ({ ...record, offset })));
}
function change(records: Record_[], keys: RegExp, edit: (value: Buffer) => void): void {
  for (const { key, value } of records) if (keys.test(String(key)) && value !== null) edit(value as Buffer);
}
for (const [what, [damage, why]] of Object.entries(damages)) {
  test(`${what} is an error that names the checkpoint, and a reset helps`, async () => {
    await using broker = await ranOnce();
    damage(broker.records(checkpointTopic) as Record_[]);
    const failing = startCheckpointed(broker, windowScript());
    await rejects(failing.done, (error: TributaryError) => {
      equal(error.code, 'BATCH_CORRUPT');
      match(error.message, /Cannot go on from the checkpoint of application "app" in topic "__tributary-sql-app"/);
      match(String((error.cause as Error).message), why);
      return true;
    });
    await using app = startCheckpointed(broker, windowScript(), { reset: true });
    await broker.holds('out', 2 * outputOf(25).length);
    await app.stop();
  });
}

test('a state beyond its bound fails the application, and the bound is named', async () => {
  await using broker = await brokerWithRows(25);
  await using app = startCheckpointed(broker, windowScript(), { maxBytes: 20 });
  await rejects(app.done, { code: 'QUEUE_FULL', message: /its state is beyond the bound of 20 bytes/ });
});

test('a topic that was made again is not the one of the checkpoint', async () => {
  await using broker = await ranOnce();
  await broker.deleteTopic('in');
  await broker.createTopic({ name: 'in' });
  await using app = startCheckpointed(broker, windowScript());
  await rejects(app.done, { code: 'CONFLICT', message: /topic "in" was made again/ });
});
