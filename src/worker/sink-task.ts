/** One task of a sink connector: a member of the consumer group `connect-<name>` that hands records on and then commits. */
import { abortable, sleep } from '../base/abort.ts';
import { backoffMs } from '../base/backoff.ts';
import type { Clock, Random } from '../base/clock.ts';
import { describeError, isError, isRetriable, TributaryError } from '../base/errors.ts';
import type { Broker, FetchedRecords, GroupMember, ProducerOptions } from '../broker/broker.ts';
import { javaPattern } from '../config/java-pattern/java-pattern.ts';
import type { RawConfig } from '../config/raw.ts';
import type { SinkTask as ConnectorTask, SinkConnector, SinkRecord } from '../connectors/contract.ts';
import type { OutboundPolicy } from '../net/outbound-policy.ts';
import { partitionKey, type TopicPartition } from '../record/record.ts';
import type { Log } from '../telemetry/log.ts';
import type { Counter, Metrics } from '../telemetry/metrics.ts';
import { cutLettersHelp, cutLettersName, type ErrorMetrics, errorMetrics } from './error-metrics.ts';
import type { DeadLetterTopic, ErrorPolicy } from './error-policy.ts';
import { RecordFailures } from './record-failures.ts';
import type { RunningTask } from './running-task.ts';
import { SinkFailures } from './sink-failures.ts';

export interface SinkTaskOptions {
  readonly connector: SinkConnector;
  readonly name: string;
  readonly task: number;
  readonly config: RawConfig;
  readonly broker: Broker;
  readonly commitIntervalMs: number;
  readonly errors: ErrorPolicy;
  /** For dead letters. */
  readonly producer: ProducerOptions;
  readonly ensureDeadLetters: (target: DeadLetterTopic) => Promise<void>;
  /** Takes known secrets out of what dead letters say. */
  readonly redact: (text: string) => string;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly outbound: OutboundPolicy;
  readonly setStatus: (detail: string | undefined) => void;
}

const retry = { baseMs: 300, maxMs: 60_000, jitter: 0.25 };

export function startSinkTask(options: SinkTaskOptions): RunningTask {
  const stop = new AbortController();
  return { ended: new Run(options, stop.signal).run(), stop: () => stop.abort() };
}

class Run {
  readonly #options: SinkTaskOptions;
  readonly #stop: AbortSignal;
  readonly #written: Counter;
  readonly #errors: ErrorMetrics;
  /** Positions behind what was written and not committed yet. */
  readonly #positions = new Map<string, TopicPartition & { readonly offset: number }>();
  #committedAtMs: number;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: SinkTaskOptions, stop: AbortSignal) {
    this.#options = options;
    this.#stop = stop;
    this.#committedAtMs = options.clock.monotonicMs();
    this.#written = options.metrics.counter(
      'kafka_connect_sink_task_sink_record_send_total',
      'Records written to their destination',
    );
    this.#errors = errorMetrics(options.metrics);
  }

  async run(): Promise<boolean> {
    const { connector, config, name, task, clock, random, log, metrics, outbound, setStatus } = this.#options;
    const failures = await this.#openFailures().catch((error: unknown) => {
      if (this.#stop.aborted && isError(error, 'ABORTED')) return undefined;
      throw error;
    });
    if (failures === undefined) return true;
    const own = { connector: name, task, clock, random, log, metrics, outbound, setStatus, signal: this.#stop };
    try {
      await this.#runSink(
        await connector.open(config, { ...own, reject: (...of) => failures.reject(...of) }),
        failures,
      );
    } finally {
      await failures.close();
    }
    log.info('task_stopped', { clean: true });
    return true;
  }

  #openFailures(): Promise<SinkFailures> {
    const { broker, connector, name, task, errors: policy, clock, random, log, metrics, producer } = this.#options;
    return SinkFailures.open({
      broker,
      producer,
      connector: name,
      className: connector.classNames[0] ?? connector.name,
      task,
      failures: new RecordFailures({ policy, metrics: this.#errors, log, clock, random }),
      metrics: this.#errors,
      cutLetters: metrics.counter(cutLettersName, cutLettersHelp),
      ensureDeadLetters: this.#options.ensureDeadLetters,
      redact: this.#options.redact,
      signal: this.#stop,
    });
  }

  async #runSink(sink: ConnectorTask, failures: SinkFailures): Promise<void> {
    try {
      const member = await this.#join().catch((error: unknown) => {
        if (this.#stop.aborted && isError(error, 'ABORTED')) return undefined;
        throw error;
      });
      if (member === undefined) return;
      try {
        await this.#pump(member, sink, failures);
        await this.#commit(member);
      } finally {
        await member.close();
      }
    } finally {
      await sink.close();
    }
  }

  async #join(): Promise<GroupMember> {
    const { broker, config, name } = this.#options;
    const pattern = config['topics.regex']?.trim() ?? '';
    const topics = (config['topics'] ?? '').split(/\s*,\s*/).filter((topic) => topic !== '');
    if (topics.length === 0 && pattern === '') {
      throw new TributaryError('CONFIG_INVALID', 'Must configure one of topics or topics.regex');
    }
    let member: GroupMember | undefined;
    member = await broker.group({
      groupId: `connect-${name}`,
      topics,
      ...(pattern === '' ? {} : { topicPattern: javaPattern(pattern).whole }),
      startAt: 'earliest',
      signal: this.#stop,
      onRevoked: async (partitions, how) => {
        await this.#writing.catch(() => {}); // its failure is the loop's to report
        if (how === 'revoked' && member !== undefined) await this.#commit(member);
        for (const { topic, partition } of partitions) this.#positions.delete(partitionKey(topic, partition));
      },
    });
    return member;
  }

  async #pump(member: GroupMember, sink: ConnectorTask, failures: SinkFailures): Promise<void> {
    const records = member.records[Symbol.asyncIterator]();
    while (!this.#stop.aborted) {
      const next = await this.#next(records, member);
      if (next === undefined) return;
      this.#writing = this.#write(sink, next, failures);
      if (!(await this.#writing)) return;
      if (this.#options.clock.monotonicMs() - this.#committedAtMs >= this.#options.commitIntervalMs)
        await this.#commit(member);
    }
  }

  /**
   * What comes next, or undefined at the end and once the task is stopped. Where nothing comes, what has been written is
   * committed when it is due: a topic that falls silent would otherwise be written again after a crash.
   */
  async #next(records: AsyncIterator<FetchedRecords>, member: GroupMember): Promise<FetchedRecords | undefined> {
    try {
      let isHere = false;
      const here = new AbortController();
      const coming = abortable(records.next(), this.#stop, 'The task').finally(() => {
        isHere = true;
        here.abort();
      });
      if (this.#positions.size > 0) {
        coming.catch(() => {}); // thrown below
        const dueMs = this.#committedAtMs + this.#options.commitIntervalMs - this.#options.clock.monotonicMs();
        await sleep(Math.max(0, dueMs), here.signal);
        if (!isHere) await this.#commit(member);
      }
      const next = await coming;
      return next.done === true ? undefined : next.value;
    } catch (error) {
      if (this.#stop.aborted && isError(error, 'ABORTED')) return undefined;
      throw error;
    }
  }

  /** False when the task was stopped before the records were written: they are read again after the next start. */
  async #write(sink: ConnectorTask, fetched: FetchedRecords, failures: SinkFailures): Promise<boolean> {
    const { topic, partition, nextOffset } = fetched;
    const records = fetched.records.map((record): SinkRecord => ({ ...record, topic, partition }));
    const rejectedBefore = failures.rejected;
    for (let attempt = 1; records.length > 0; attempt++) {
      try {
        await failures.write(sink, records);
        break;
      } catch (error) {
        if (!isRetriable(error)) throw error;
        this.#errors.retries.value++;
        this.#options.log.warn('sink_retry', { attempt, reason: describeError(error) });
        await sleep(backoffMs(attempt, retry, this.#options.random), this.#stop);
        if (this.#stop.aborted) return false;
      }
    }
    this.#written.value += records.length - (failures.rejected - rejectedBefore);
    this.#positions.set(partitionKey(topic, partition), { topic, partition, offset: nextOffset });
    return true;
  }

  async #commit(member: GroupMember): Promise<void> {
    this.#committedAtMs = this.#options.clock.monotonicMs();
    if (this.#positions.size === 0) return;
    const offsets = [...this.#positions.values()];
    try {
      await member.commit(offsets);
    } catch (error) {
      if (!isRetriable(error)) throw error;
      this.#options.log.warn('offset_commit_failed', { reason: describeError(error) });
      return; // the positions stay and go with the next commit
    }
    for (const { topic, partition, offset } of offsets) {
      const key = partitionKey(topic, partition);
      if (this.#positions.get(key)?.offset === offset) this.#positions.delete(key);
    }
  }
}
