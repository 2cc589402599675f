/** What an ingest benchmark measures beside our program: the physical floors, and what others would use instead. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codecs } from '../../src/app/codecs.ts';
import { startFeed } from '../support/feed.ts';
import type { Run } from '../support/ingest-report.ts';
import { timeUntil } from '../support/measure.ts';
import { startSseFeed } from '../support/sse-feed.ts';
import type { Subject } from '../support/subjects.ts';
import { benchTopic, openTarget, type Target } from '../support/targets.ts';
import { startPeer } from './child.ts';
import { consumerPerformance, javaSettings, producerPerformance } from './java.ts';

export interface IngestJob {
  /** embedded, kafka or null. */
  readonly kind: string;
  readonly count: number;
  readonly size: number;
  readonly protocol: 'websocket' | 'deflate' | 'sse';
  /** By way of a file on this machine. */
  readonly spool?: boolean;
}

/** The feed of a job, for one reader of it. */
export function feedOf({
  kind,
  count,
  size,
  protocol,
}: IngestJob): Promise<AsyncDisposable & { readonly url: string }> {
  const place = coresOf(kind) === undefined ? {} : { core: coresOf(kind)!.feed };
  if (protocol === 'sse') return startSseFeed({ count, size, ...place });
  return startFeed({ rate: 0, count, size, deflate: protocol === 'deflate', ...place });
}

/** An embedded broker or the stand-in leaves a core for each side; with a real Kafka three processes share the cores. */
export function coresOf(kind: string): { readonly feed: number; readonly reader: number } | undefined {
  return kind === 'kafka' ? undefined : { feed: 0, reader: 1 };
}

export function whereOf(kind: string): string {
  if (kind === 'kafka') return 'feed, reader and Kafka share all cores';
  return `feed${kind === 'null' ? ' and stand-in' : ''} on core 0, the reader on core 1`;
}

/** As large as the batches that we send. */
const batchBytes = 500_000;

export function floorsOf({ kind, protocol, spool = false }: IngestJob): readonly Subject<IngestJob>[] {
  const floor = (name: string, measure: Subject<IngestJob>['measure']): Subject<IngestJob> => {
    return { name, measure, beside: 'floor' };
  };
  const readers = {
    websocket: floor('bare socket reader', (job) => readFeed(job, 'socket-reader.ts', [`${frameBytes(job)}`])),
    deflate: floor('bare zlib reader', (job) => readFeed(job, 'zlib-reader.ts', [`${job.size}`])),
    sse: floor('bare HTTP reader', (job) => readFeed(job, 'http-reader.ts', [`${job.size}`])),
  };
  const loop = spool ? floor('bare sync, then Produce', spoolLoop) : floor('bare Produce loop', produceLoop);
  return [readers[protocol], ...(kind === 'kafka' ? [loop] : [])];
}

export function peersOf({ kind }: IngestJob): readonly Subject<IngestJob>[] {
  const peer = (name: string, settings: string, measure: Subject<IngestJob>['measure']): Subject<IngestJob> => {
    return { name, settings, measure, beside: 'peer' };
  };
  const ws = `ws ${versionOf('ws')}`;
  if (kind === 'null') return [peer('ws alone', `${ws}, counts messages`, wsReader)];
  if (kind !== 'kafka') return [];
  const kafkajs = `${ws}, kafkajs ${versionOf('kafkajs')}, acks=all, idempotent, one request in flight, batches of 4000 at most`;
  return [
    peer('ws and kafkajs', kafkajs, kafkajsBridge),
    peer('ProducerPerformance', javaSettings.producer, (job) =>
      onKafka((target) => producerPerformance(toJava(job, target))),
    ),
    peer('ConsumerPerformance', javaSettings.consumer, (job) => onKafka((target) => readByJava(job, target))),
  ];
}

function versionOf(name: string): string {
  const path = join(import.meta.dirname, '../../node_modules', name, 'package.json');
  return JSON.parse(readFileSync(path, 'utf8')).version;
}

function wsReader(job: IngestJob): Promise<Run> {
  return readFeed(job, 'ws-reader.ts', job.protocol === 'deflate' ? ['deflate'] : []);
}

async function readFeed(job: IngestJob, script: string, args: readonly string[]): Promise<Run> {
  await using feed = await feedOf(job);
  await using peer = await startPeer(script, [feed.url, ...args], coresOf(job.kind)?.reader);
  return await timeUntil(job.count, () => peer.seen(), peer.pid);
}

function produceLoop({ count, size }: IngestJob): Promise<Run> {
  return onKafka(async (target) => {
    const args = [bootstrapOf(target), benchTopic, `${count}`, `${size}`, `${batchBytes}`];
    await using peer = await startPeer('produce-loop.ts', args, undefined);
    return await timeUntil(count, () => peer.seen(), peer.pid);
  });
}

function spoolLoop(job: IngestJob): Promise<Run> {
  return onKafka(async (target, folder) => {
    await using feed = await feedOf(job);
    const kafka = [bootstrapOf(target), benchTopic, `${job.size}`, `${batchBytes}`];
    await using peer = await startPeer('spool-loop.ts', [feed.url, `${frameBytes(job)}`, folder, ...kafka], undefined);
    return await timeUntil(job.count, () => peer.seen(), peer.pid);
  });
}

/** The header of an unmasked frame has two bytes, beyond 125 bytes four, beyond 65 535 ten. */
function frameBytes({ size }: IngestJob): number {
  return size + (size < 126 ? 2 : size < 65_536 ? 4 : 10);
}

function kafkajsBridge(job: IngestJob): Promise<Run> {
  return onKafka(async (target) => {
    await using feed = await feedOf(job);
    await using peer = await startPeer('kafkajs-bridge.ts', [feed.url, bootstrapOf(target), benchTopic], undefined);
    const timed = await timeUntil(job.count, () => peer.seen(), peer.pid);
    return { ...timed, losses: await target.check(benchTopic, job.count) };
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
async function onKafka(work: (target: Target, folder: string) => Promise<Run>): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-peer-'));
  try {
    await using target = await openTarget('kafka', folder);
    const { openKafkaBroker } = await import('../../src/broker/kafka/kafka.ts');
    await using broker = await openKafkaBroker({ bootstrap: [bootstrapOf(target)], codecs });
    await broker.createTopic({ name: benchTopic });
    return await work(target, folder);
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
