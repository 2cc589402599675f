import { deepEqual, ok, rejects } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { isError } from '../../src/base/errors.ts';
import { type EmbeddedEvent, openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { Codecs } from '../../src/record/codecs.ts';
import { crc32c } from '../../src/record/crc32c.ts';
import { seeded, testSeed } from '../support/random.ts';
import { tempFolder } from '../support/temp-folder.ts';

const codecs: Codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
const kills = Number(process.env['TRIBUTARY_KILLS'] ?? (process.env['TEST_LONG'] === '1' ? 50 : 8));

/** Sends numbered records until it is killed, and says up to which number they were acknowledged. */
const writer = (directory: string): string => `
  import { openEmbeddedBroker } from ${JSON.stringify(new URL('../../src/broker/embedded/embedded.ts', import.meta.url).href)};
  import { crc32c } from ${JSON.stringify(new URL('../../src/record/crc32c.ts', import.meta.url).href)};
  const codecs = { crc32c, compress: (_name, bytes) => bytes, decompress: (_name, bytes) => bytes };
  const broker = await openEmbeddedBroker({ directory: ${JSON.stringify(directory)}, codecs });
  if (!(await broker.listTopics()).includes('t')) await broker.createTopic({ name: 't' });
  let number = await broker.offset('t', 0, 'latest');
  const producer = await broker.producer();
  process.stdout.write('start ' + number + '\\n');
  const send = async () => {
    for (;;) {
      const from = number;
      number += 1 + (number % 97);
      const records = [];
      for (let n = from; n < number; n++)
        records.push({ key: null, value: Buffer.from(n + ' ' + 'x'.repeat(n % 300)), headers: [], timestampMs: null });
      const { lastOffset } = await producer.send('t', 0, records);
      process.stdout.write('acknowledged ' + lastOffset + '\\n');
    }
  };
  await Promise.all([send(), send(), send()]);
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
    let acknowledged = -1;
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
          const [what, offset] = line.split(' ');
          if (what === 'start') await rejects(openEmbeddedBroker({ directory, codecs }), isLockedBy(child.pid!));
          if (what === 'acknowledged') acknowledged = Math.max(acknowledged, Number(offset));
          if (--answers === 0) child.kill('SIGKILL');
        }
      }
      await exited;
    }
    const events: EmbeddedEvent[] = [];
    await using broker = await openEmbeddedBroker({ directory, codecs, onEvent: (event) => events.push(event) });
    let expected = 0;
    for await (const { records } of broker.read({ topic: 't', partition: 0, from: 'earliest', until: 'end' })) {
      for (const { offset, value } of records) {
        const [number, rest = ''] = Buffer.from(value!).toString().split(' ');
        deepEqual([offset, Number(number), rest.length], [expected, expected, expected % 300]);
        expected++;
      }
    }
    ok(acknowledged > 0 && expected > acknowledged, `${expected} records, acknowledged up to ${acknowledged}`);
    deepEqual(events, []);
  } finally {
    child?.kill('SIGKILL');
  }
});
