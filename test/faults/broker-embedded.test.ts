import { deepEqual, fail, ok, rejects } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { type EmbeddedEvent, openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { crc32c } from '../../src/record/crc32c.ts';
import { valuesOf } from '../contract/broker/fixture.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const kills = Number(process.env['TRIBUTARY_KILLS'] ?? (process.env['TEST_LONG'] === '1' ? 50 : 8));

const partitions = 3;

/**
 * Until it is killed, it sends numbered records to each partition of "t", moves the offset of group "g" behind them, and commits
 * transactions: a record in both partitions of "x", and the offset of "gx", all with the transaction's number. It says what
 * was acknowledged.
 */
const writer = (directory: string): string => `
  import { openEmbeddedBroker } from ${JSON.stringify(new URL('../../src/broker/embedded/embedded.ts', import.meta.url).href)};
  import { crc32c } from ${JSON.stringify(new URL('../../src/record/crc32c.ts', import.meta.url).href)};
  const codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
  const say = (...words) => process.stdout.write(words.join(' ') + '\\n');
  const onEvent = (event) => event.kind !== 'transactions-aborted' && say('event', JSON.stringify(event));
  const broker = await openEmbeddedBroker({ directory: ${JSON.stringify(directory)}, codecs, onEvent });
  const known = await broker.listTopics();
  if (!known.includes('t')) await broker.createTopic({ name: 't', partitions: ${partitions} });
  if (!known.includes('x')) await broker.createTopic({ name: 'x', partitions: 2 });
  const committed = async (group) => (await broker.committedOffsets(group))[0]?.offset ?? 0;
  const record = (text) => ({ key: null, value: Buffer.from(text), headers: [], timestampMs: null });
  say('start');
  const producer = await broker.producer();
  const numbers = [];
  for (let partition = 0; partition < ${partitions}; partition++)
    numbers.push(await broker.offset('t', partition, 'latest'));
  const send = async (partition) => {
    for (;;) {
      const from = numbers[partition];
      numbers[partition] += 1 + (from % 97);
      const records = [];
      for (let n = from; n < numbers[partition]; n++) records.push(record(n + ' ' + 'x'.repeat(n % 300)));
      const { lastOffset } = await producer.send('t', partition, records);
      say('acknowledged', partition, lastOffset);
    }
  };
  const moveOffset = async () => {
    for (let offset = (await committed('g')) + 1; ; offset++) {
      await broker.setCommittedOffsets('g', [{ topic: 't', partition: 0, offset }]);
      say('offset', offset);
    }
  };
  const transact = async () => {
    const transactional = await broker.producer({ transactionalId: 'x' });
    for (let n = await committed('gx'); ; n++) {
      await transactional.begin();
      const sends = [0, 1].map((partition) => transactional.send('x', partition, [record(String(n))]));
      await transactional.sendOffsets('gx', [{ topic: 't', partition: 0, offset: n + 1 }]);
      await Promise.all(sends);
      await transactional.commit();
      say('committed', n + 1);
    }
  };
  const sends = Array.from({ length: ${partitions} }, (_, partition) => [send(partition), send(partition)]);
  await Promise.all([...sends.flat(), moveOffset(), transact()]);
`;

const isLockedBy =
  (pid: number) =>
  (error: unknown): boolean =>
    isError(error, 'BROKER_LOCKED') && error.message.includes(`pid ${pid}`);

test(`killed with kill -9 at ${kills} moments under load: all that was acknowledged is there, once, in order (TEST_SEED=${testSeed})`, async () => {
  const random = seeded(testSeed);
  await using folder = await tempFolder('embedded-kill');
  const directory = folder.path;
  let child: ReturnType<typeof spawn> | undefined;
  try {
    const acknowledged = Array.from({ length: partitions }, () => -1);
    let offset = 0;
    let transactions = 0;
    for (let kill = 0; kill < kills; kill++) {
      child = spawn(process.execPath, ['--input-type=module-typescript', '-e', writer(directory)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      // Moments of the store's own time: after some number of answers, not of milliseconds.
      let answers = 1 + Math.floor(random() * 200);
      let rest = '';
      for await (const chunk of child.stdout!) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          const [what, ...told] = line.split(' ');
          const [first = 0, second = 0] = told.map(Number);
          if (what === 'event') fail(`after kill ${kill}: ${line}`);
          if (what === 'start') await rejects(openEmbeddedBroker({ directory, codecs }), isLockedBy(child.pid!));
          if (what === 'acknowledged') acknowledged[first] = Math.max(acknowledged[first]!, second);
          if (what === 'offset') offset = first;
          if (what === 'committed') transactions = first;
          if (--answers === 0) child.kill('SIGKILL');
        }
      }
      await exited;
    }
    const events: EmbeddedEvent[] = [];
    await using broker = await openEmbeddedBroker({ directory, codecs, onEvent: (event) => events.push(event) });
    for (const [partition, last] of acknowledged.entries()) {
      let expected = 0;
      for await (const { records } of broker.read({ topic: 't', partition, from: 'earliest', until: 'end' })) {
        for (const { offset, value } of records) {
          const [number, rest = ''] = Buffer.from(value!).toString().split(' ');
          deepEqual([offset, Number(number), rest.length], [expected, expected, expected % 300]);
          expected++;
        }
      }
      ok(last > 0 && expected > last, `t-${partition}: ${expected} records, acknowledged up to ${last}`);
    }
    const offsetOf = async (group: string): Promise<number> => (await broker.committedOffsets(group))[0]?.offset ?? 0;
    // The kill may come between a commit and its answer: then there is one more than was told.
    const kept = await offsetOf('g');
    ok(
      offset > 0 && (kept === offset || kept === offset + 1),
      `the offset of the group is ${kept}, told was ${offset}`,
    );
    const whole = await offsetOf('gx');
    ok(transactions > 0 && (whole === transactions || whole === transactions + 1), `${whole}, told ${transactions}`);
    const all = Array.from({ length: whole }, (_, number) => number);
    for (const partition of [0, 1]) {
      const found = await valuesOf(broker, 'x', { partition, isolation: 'read-committed' });
      deepEqual(found.map(Number), all, `x-${partition} has each transaction once`);
    }
    deepEqual(
      events.filter(({ kind }) => kind !== 'transactions-aborted'),
      [],
    );
  } finally {
    child?.kill('SIGKILL');
  }
});
