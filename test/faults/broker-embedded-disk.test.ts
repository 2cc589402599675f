/** The embedded broker on a filesystem that is really full: nothing acknowledged is lost, and it goes on when there is room. */
import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { AcknowledgedMark } from '../../src/broker/embedded/acknowledged-mark.ts';
import { type EmbeddedEvent, openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { crc32c } from '../../src/record/crc32c.ts';
import { readAll, record } from '../contract/broker/fixture.ts';
import { fill, smallFilesystem, smallFilesystemMissing } from '../support/small-filesystem.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const skip = await smallFilesystemMissing();
const mib = 1024 * 1024;
const value = (number: number): string => `${number} `.padEnd(200_000, '.');
const numbers = (records: readonly { readonly value: Uint8Array | null }[]): number[] =>
  records.map((one) => Number.parseInt(Buffer.from(one.value!.subarray(0, 20)).toString(), 10));

test('a full filesystem refuses what has no room, keeps what was acknowledged, and takes more when it has room', {
  skip,
}, async () => {
  await using disk = await smallFilesystem(24);
  const directory = join(disk.path, 'data');
  const ballast = join(disk.path, 'ballast');
  writeFileSync(ballast, Buffer.alloc(8 * mib));
  const events: EmbeddedEvent[] = [];
  const open = () => openEmbeddedBroker({ directory, codecs, onEvent: (event) => events.push(event) });
  const acknowledged: number[] = [];
  let next = 0;
  {
    await using broker = await open();
    await broker.createTopic({ name: 't' });
    let retries = 0;
    let isFull = (): void => {};
    const full = new Promise<void>((resolve) => {
      isFull = resolve;
    });
    const patient = await broker.producer({
      deliveryTimeoutMs: Number.POSITIVE_INFINITY,
      onRetry: () => {
        retries++;
        isFull();
      },
    });
    const hasty = await broker.producer({ deliveryTimeoutMs: 2000 });
    let refused: unknown;
    while (refused === undefined && next < 500) {
      const number = next++;
      await hasty.send('t', 0, [record(value(number))]).then(
        () => acknowledged.push(number),
        (error: unknown) => {
          refused = error;
        },
      );
    }
    ok(isError(refused, 'BROKER_FULL') && refused.retriable, String(refused));
    match(refused.message, /full/);
    ok(acknowledged.length > 5, `${acknowledged.length} were stored`);
    deepEqual(
      numbers(await readAll(broker, 't')),
      acknowledged,
      'what was acknowledged is read while the disk is full',
    );

    const waiting = Array.from({ length: 10 }, () => {
      const number = next++;
      return patient.send('t', 0, [record(value(number))]).then(() => void acknowledged.push(number));
    });
    await full;
    rmSync(ballast);
    await Promise.all(waiting);
    ok(retries > 0);
    deepEqual(numbers(await readAll(broker, 't')), acknowledged);
  }
  await using again = await open();
  deepEqual(numbers(await readAll(again, 't')), acknowledged);
  deepEqual(
    events.filter(({ kind }) => kind !== 'upkeep-failed'),
    [],
  );
});

test('a broker that is closed and opened while its filesystem is full keeps everything', { skip }, async () => {
  await using disk = await smallFilesystem(24);
  const directory = join(disk.path, 'data');
  const ballast = join(disk.path, 'ballast');
  const first = await openEmbeddedBroker({ directory, codecs });
  await first.createTopic({ name: 't' });
  const producer = await first.producer({ deliveryTimeoutMs: 2000 });
  for (let number = 0; number < 20; number++) await producer.send('t', 0, [record(value(number))]);
  fill(ballast);
  await rejects(producer.send('t', 0, [record('x'.repeat(900_000))]), { code: 'BROKER_FULL' });
  await first.close().catch((error: unknown) => {
    if (!isError(error, 'BROKER_FULL')) throw error;
  });
  const wanted = Array.from({ length: 20 }, (_, number) => number);
  const second = await openEmbeddedBroker({ directory, codecs }).catch((error: unknown) => {
    if (!isError(error, 'BROKER_FULL')) throw error;
    ok(error.retriable);
    return undefined;
  });
  if (second !== undefined) {
    deepEqual(numbers(await readAll(second, 't')), wanted);
    await second.close();
  }
  rmSync(ballast);
  await using third = await openEmbeddedBroker({ directory, codecs });
  deepEqual(numbers(await readAll(third, 't')), wanted);
  await using more = await third.producer();
  equal((await more.send('t', 0, [record(value(20))])).baseOffset, 20);
});

test('a broker cannot be made on a full filesystem, and says so', { skip }, async () => {
  await using disk = await smallFilesystem(2);
  const ballast = join(disk.path, 'ballast');
  fill(ballast);
  await rejects(openEmbeddedBroker({ directory: join(disk.path, 'data'), codecs }), (error) => {
    ok(isError(error, 'BROKER_FULL') && error.retriable, String(error));
    return true;
  });
  rmSync(ballast);
  await using broker = await openEmbeddedBroker({ directory: join(disk.path, 'data'), codecs });
  deepEqual(await broker.listTopics(), []);
});

test('what was acknowledged cannot be noted on a full filesystem: told once, and noted when there is room', {
  skip,
}, async () => {
  await using disk = await smallFilesystem(1);
  const ballast = join(disk.path, 'ballast');
  const mark = new AcknowledgedMark(join(disk.path, 'mark'));
  try {
    deepEqual(mark.missing({ records: 0, changes: 0 }), { records: 0, changes: 0 });
    fill(ballast);
    throws(() => mark.write({ records: 3, changes: 2 }), { code: 'BROKER_UNAVAILABLE', message: /ENOSPC/ });
    mark.write({ records: 4, changes: 2 });
    deepEqual(mark.missing({ records: 0, changes: 0 }), { records: 0, changes: 0 });
    rmSync(ballast);
    mark.write({ records: 5, changes: 2 });
    deepEqual(mark.missing({ records: 1, changes: 2 }), { records: 4, changes: 0 });
    fill(ballast);
    mark.write({ records: 6, changes: 3 }); // in place
    deepEqual(mark.missing({ records: 1, changes: 2 }), { records: 5, changes: 1 });
  } finally {
    mark.close();
  }
});
