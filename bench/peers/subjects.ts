/** What an ingest benchmark measures beside our program: the physical floors, and what others would use instead. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codecs } from '../../src/app/codecs.ts';
import { startFeed } from '../support/feed.ts';
import type { Run } from '../support/ingest-report.ts';
import { timeUntil } from '../support/measure.ts';
import { benchTopic, openTarget, type Target } from '../support/targets.ts';
import { startPeer } from './child.ts';
import { consumerPerformance, javaSettings, producerPerformance } from './java.ts';

export interface IngestJob {
  /** embedded, kafka or null. */
  readonly kind: string;
  readonly count: number;
  readonly size: number;
  readonly deflate: boolean;
  /** Who runs on which core, for people. */
  readonly where: string;
}

export interface Subject {
  readonly name: string;
  /** Of a peer: its version, and how it is set. */
  readonly settings?: string;
  measure(job: IngestJob): Promise<Run>;
}

/** As large as the batches that we send. */
const batchBytes = 500_000;

export function floorsOf({ kind, deflate }: IngestJob): readonly Subject[] {
  const reading: readonly Subject[] = deflate ? [] : [{ name: 'bare socket reader', measure: socketReader }];
  return kind === 'kafka' ? [...reading, { name: 'bare Produce loop', measure: produceLoop }] : reading;
}

export function peersOf({ kind }: IngestJob): readonly Subject[] {
  if (kind === 'null')
    return [{ name: 'ws alone', settings: `ws ${versionOf('ws')}, counts messages`, measure: wsReader }];
  if (kind !== 'kafka') return [];
  return [
    {
      name: 'ws and kafkajs',
      settings: `ws ${versionOf('ws')}, kafkajs ${versionOf('kafkajs')}, acks=all, idempotent, one request in flight, batches of 4000 at most`,
      measure: kafkajsBridge,
    },
    {
      name: 'ProducerPerformance',
      settings: javaSettings.producer,
      measure: (job) => onKafka((target) => producerPerformance(toJava(job, target))),
    },
    {
      name: 'ConsumerPerformance',
      settings: javaSettings.consumer,
      measure: (job) => onKafka((target) => readByJava(job, target)),
    },
  ];
}

function versionOf(name: string): string {
  const path = join(import.meta.dirname, '../../node_modules', name, 'package.json');
  return JSON.parse(readFileSync(path, 'utf8')).version;
}

function socketReader(job: IngestJob): Promise<Run> {
  // The header of an unmasked frame has two bytes, beyond 125 bytes four, beyond 65 535 ten.
  const header = job.size < 126 ? 2 : job.size < 65_536 ? 4 : 10;
  return readFeed(job, 'socket-reader.ts', [`${job.size + header}`]);
}

function wsReader(job: IngestJob): Promise<Run> {
  return readFeed(job, 'ws-reader.ts', job.deflate ? ['deflate'] : []);
}

async function readFeed({ kind, count, size, deflate }: IngestJob, script: string, args: string[]): Promise<Run> {
  const apart = kind !== 'kafka';
  await using feed = await startFeed({ rate: 0, count, size, deflate, ...(apart ? { core: 0 } : {}) });
  await using peer = await startPeer(script, [feed.url, ...args], apart ? 1 : undefined);
  return await timeUntil(count, () => peer.seen(), peer.pid);
}

function produceLoop({ count, size }: IngestJob): Promise<Run> {
  return onKafka(async (target) => {
    const args = [bootstrapOf(target), benchTopic, `${count}`, `${size}`, `${batchBytes}`];
    await using peer = await startPeer('produce-loop.ts', args, undefined);
    return await timeUntil(count, () => peer.seen(), peer.pid);
  });
}

function kafkajsBridge({ count, size, deflate }: IngestJob): Promise<Run> {
  return onKafka(async (target) => {
    await using feed = await startFeed({ rate: 0, count, size, deflate });
    await using peer = await startPeer('kafkajs-bridge.ts', [feed.url, bootstrapOf(target), benchTopic], undefined);
    const timed = await timeUntil(count, () => peer.seen(), peer.pid);
    return { ...timed, losses: await target.check(benchTopic, count) };
  });
}

/** Reads what was written before, which is not measured. */
async function readByJava(job: IngestJob, target: Target): Promise<Run> {
  const args = [bootstrapOf(target), benchTopic, `${job.count}`, `${job.size}`, `${batchBytes}`];
  await using writer = await startPeer('produce-loop.ts', args, undefined);
  await timeUntil(job.count, () => writer.seen(), writer.pid);
  return await consumerPerformance(toJava(job, target));
}

/** A Kafka of its own with the topic. */
async function onKafka(work: (target: Target) => Promise<Run>): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-peer-'));
  try {
    await using target = await openTarget('kafka', folder);
    const { openKafkaBroker } = await import('../../src/broker/kafka/kafka.ts');
    await using broker = await openKafkaBroker({ bootstrap: [bootstrapOf(target)], codecs });
    await broker.createTopic({ name: benchTopic });
    return await work(target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function toJava({ count, size }: IngestJob, target: Target) {
  return { bootstrap: bootstrapOf(target), topic: benchTopic, count, size };
}

function bootstrapOf({ address }: Target): string {
  return address.slice('kafka://'.length);
}
