/**
 * What each answer to a full spool does, in short: three connectors with a small bound, one Kafka that goes away and comes back.
 * `block` takes nothing more from its feed, and all of it is there in the end; `drop-oldest` takes everything, and what is missing is what was
 * counted; `fail` fails its task, and what it had received is there.
 */
import { startKafka } from '../test/support/kafka.ts';
import { type Feed, startFeed } from './support/feed.ts';
import { feedConnector, kafkaTarget } from './support/targets.ts';
import { startTributary, type Tributary } from './support/tributary.ts';

const answers = ['block', 'drop-oldest', 'fail'] as const;
type Answer = (typeof answers)[number];

export interface BoundFigures {
  readonly answer: Answer;
  /** Of the feed. */
  readonly messages: number;
  /** Times that a batch found the spool full and waited. */
  readonly waits: number;
  readonly dropped: number;
  /** The task has failed. */
  readonly isFailed: boolean;
  readonly delivered: number;
  readonly doubled: number;
  /** Synced, and neither delivered nor told. */
  readonly missing: number;
}

const size = 200;
/** Five seconds' worth: longer than Kafka takes to go. */
const rate = 20_000;
const count = 200_000;
const maxBytes = count * size * 0.4;
const patienceMs = 120_000;

export async function measureBounds(): Promise<BoundFigures[]> {
  await using kafka = await startKafka();
  const feeds: Record<string, Feed> = {};
  try {
    for (const answer of answers) feeds[answer] = await startFeed({ rate, count, size });
    const connectors = answers.map((answer) => {
      const spool = { 'spool.mode': 'at-least-once', 'spool.max.bytes': `${maxBytes}`, 'spool.when.full': answer };
      return [answer, { ...feedConnector(feeds[answer]!.url), 'kafka.topic': answer, ...spool }] as const;
    });
    await using tributary = await startTributary({
      broker: `kafka://${kafka.bootstrap}`,
      connectors: Object.fromEntries(connectors),
    });
    for (const answer of answers) {
      await until(`"${answer}" forwards`, async () => (await of(tributary, answer, forwarded)) > 0);
    }
    await kafka.kill9();
    await until('"block" waits', async () => (await of(tributary, 'block', waits)) > 0);
    await until('"drop-oldest" drops', async () => (await of(tributary, 'drop-oldest', dropped)) > 0);
    await until('"fail" fails', () => isFailed(tributary, 'fail'));
    await kafka.restart();
    for (const answer of ['block', 'drop-oldest'] as const) {
      await until(`"${answer}" has received all`, async () => (await of(tributary, answer, received)) >= count);
    }
    const told: Omit<BoundFigures, 'delivered' | 'doubled' | 'missing'>[] = [];
    const synced: number[] = [];
    for (const answer of answers) {
      await until(`"${answer}" is empty`, async () => (await of(tributary, answer, left)) === 0);
      const failed = await isFailed(tributary, answer);
      const at = { waits: await of(tributary, answer, waits), dropped: await of(tributary, answer, dropped) };
      told.push({ answer, messages: count, ...at, isFailed: failed });
      // A failed task has no series; what it had synced went the way of the forwarder.
      synced.push(failed ? await of(tributary, answer, forwarded) : count - at.dropped);
    }
    await tributary.stop();
    const figures: BoundFigures[] = [];
    for (const [index, one] of told.entries()) {
      const losses = await kafkaTarget(kafka).check(one.answer, count);
      const delivered = count - losses.lost;
      figures.push({ ...one, delivered, doubled: losses.doubled, missing: synced[index]! - delivered });
    }
    return figures;
  } finally {
    for (const feed of Object.values(feeds)) await feed[Symbol.asyncDispose]();
  }
}

export function showBound({ answer, waits, dropped, isFailed, delivered, messages, missing }: BoundFigures): string {
  const what = `${waits} waits, ${dropped} dropped and counted${isFailed ? ', the task failed' : ''}`;
  return `${answer.padEnd(22)}${what}; ${delivered} of ${messages} in Kafka, ${missing} of what was synced missing`;
}

const received = 'kafka_connect_source_task_source_record_write_total';
const forwarded = 'tributary_spool_records_forwarded_total';
const waits = 'tributary_spool_full_waits_total';
const dropped = 'tributary_spool_records_dropped_total';
const left = 'tributary_spool_records';

function of(tributary: Tributary, connector: string, metric: string): Promise<number> {
  return tributary.metric(metric, `connector="${connector}"`);
}

/** By the spool: that its feed has ended fails a task as well. */
async function isFailed({ url }: Tributary, connector: string): Promise<boolean> {
  const answer = await fetch(`${url}/connectors/${connector}/status`);
  const { tasks } = (await answer.json()) as { readonly tasks: readonly { readonly trace?: string }[] };
  return tasks[0]?.trace?.includes('spool.when.full') === true;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + patienceMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`Waited ${patienceMs / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
