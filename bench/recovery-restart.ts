/**
 * From the start of the process to its first record in Kafka, with a spool of so many messages and with a nearly empty one. The spool is
 * written by the embedded broker that it is: through a feed ten gigabytes would take minutes. Each start is behind kill -9.
 */
import { join } from 'node:path';
import { codecs } from '../src/app/codecs.ts';
import { openEmbeddedBroker } from '../src/broker/embedded/embedded.ts';
import { ValueColumn } from '../src/record/value-column.ts';
import { startKafka } from '../test/support/kafka.ts';
import { tempFolder } from '../test/support/temp-folder.ts';
import { bytesIn, forwarded, pause, reach, startSpooled } from './recovery-spool.ts';
import { startFeed } from './support/feed.ts';
import { type Spread, spread } from './support/stats.ts';

const size = 200;
const few = 1_000;
const perBatch = 2_000;

export interface RestartFigures {
  /** Of the spool when it was full. */
  readonly gib: number;
  readonly emptyMs: Spread;
  readonly fullMs: Spread;
}

export async function measureRestart(
  count: number,
  runs: number,
  say: (text: string) => void,
): Promise<RestartFigures> {
  await using folder = await tempFolder('restart');
  const spool = join(folder.path, 'spool');
  await using kafka = await startKafka({}, { collector: 'G1' });
  const address = `kafka://${kafka.bootstrap}`;
  {
    await using feed = await startFeed({ rate: 0, count: few, size });
    await using tributary = await startSpooled(address, feed.url, spool);
    await reach(tributary, forwarded, few);
    await tributary.stop();
  }
  const timed = async (): Promise<Spread> => {
    const times: number[] = [];
    for (let run = 0; run < runs; run++) {
      await using tributary = await startSpooled(address, 'ws://127.0.0.1:1/', spool);
      await reach(tributary, forwarded, 1);
      times.push(performance.now() - tributary.startedAtMs);
      await pause(500); // what is taken away in the first moments is part of what a kill leaves
      await tributary.kill();
    }
    return spread(times);
  };
  // Enough that the runs do not empty it.
  await fill(spool, few * runs * 1_000, () => {});
  const emptyMs = await timed();
  await fill(spool, count, (done) => say(`${((100 * done) / count).toFixed(0)} % of the spool is written`));
  const gib = bytesIn(spool) / 2 ** 30;
  return { gib, emptyMs, fullMs: await timed() };
}

/** Writes behind what lies in the log. */
async function fill(spool: string, count: number, progress: (done: number) => void): Promise<void> {
  const spans = Int32Array.from({ length: perBatch * 2 }, (_, at) => ((at + 1) >> 1) * size);
  const column = new ValueColumn(Buffer.alloc(perBatch * size, 'x'), spans, perBatch, size);
  await using broker = await openEmbeddedBroker({ directory: spool, codecs });
  await using producer = await broker.producer();
  for (let done = 0; done < count; done += perBatch * 5) {
    await Promise.all(Array.from({ length: 5 }, () => producer.send('bench-0', 0, column)));
    if (done % (count / 10) < perBatch * 5) progress(done);
  }
}
