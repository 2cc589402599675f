import { backoffMs } from '../../base/backoff.ts';
import { describeError, isError, isRetriable, TributaryError } from '../../base/errors.ts';
import { batchBytesOf } from '../../record/encode.ts';
import type { TopicPartition } from '../../record/record.ts';
import { partitionKey } from '../../record/record.ts';
import type { Records } from '../../record/value-column.ts';
import type { CompressionName, RetryEvent, SendResult } from '../broker.ts';
import type { ProduceAnswer, ProducedPartition } from './api/produce.ts';
import { describeConfig } from './api/topics.ts';
import type { KafkaClient } from './client.ts';
import { unknownPartitionError } from './metadata.ts';
import { type Batch, type Identity, type SendCall, sendCall } from './produce-batch.ts';
import { ProduceEncoder, tooLargeError } from './produce-encoder.ts';
import { type LaneOwner, ProduceLane, type SentBatch } from './produce-lane.ts';
import { isFenced, isStale, outcomeOf } from './produce-outcome.ts';
import { type Outcome, PartitionState } from './produce-state.ts';
import { retryPolicy } from './retry.ts';

export interface EngineSettings {
  readonly client: KafkaClient;
  readonly transactionalId: string | null;
  readonly compression: CompressionName;
  readonly maxBatchBytes: number;
  readonly deliveryTimeoutMs: number;
  readonly onRetry: (event: RetryEvent) => void;
  /** False where the coordinator raises epochs: newIdentity asks it. Default true. */
  readonly raisesAlone?: boolean;
  /** A new producer id, where an epoch has run out. */
  readonly newIdentity: () => Promise<Identity>;
  /** In a transaction: true where the partition is part of it already; else it adds it, and calls `wake`. */
  readonly mayUse?: (partition: TopicPartition, wake: () => void) => boolean;
  /** A send failed for good. `fenced`: by another producer with the same transactional id. */
  readonly onFailure?: (error: TributaryError, fenced: boolean) => void;
}

/** One partition that is sent to. */
interface Sender extends TopicPartition {
  readonly key: string;
  readonly state: PartitionState;
  /** Of one batch: maxBatchBytes, or less where the topic takes less. */
  maxBytes: number;
  /** Attempts in a row that failed. */
  failures: number;
  isStale: boolean;
  isResolving: boolean;
  timer: NodeJS.Timeout | undefined;
}

type Lane = ProduceLane<Sender>;

interface Waiter {
  readonly resolve: (result: SendResult) => void;
  readonly reject: (error: TributaryError) => void;
}

/**
 * Drives the states of a producer's partitions: finds their leaders, puts what is ready for one node into one request,
 * and brings the answers back. What is called in one turn of the event loop travels together.
 *
 * It is longer than most: each of its parts (turns, answers, finding out, time) ends by waking a partition, which begins
 * with all the others, so that apart they would only call each other.
 */
export class ProduceEngine {
  readonly #settings: EngineSettings;
  readonly #client: KafkaClient;
  readonly #encoder: ProduceEncoder;
  readonly #laneOwner: LaneOwner<Sender>;
  readonly #senders = new Map<string, Sender>();
  readonly #lanes = new Map<number, Lane>();
  readonly #waiters = new Map<SendCall, Waiter>();
  readonly #woken = new Set<Sender>();
  #identity: Identity;
  #isPumping = false;
  #deadlineTimer: NodeJS.Timeout | undefined;
  #isEnded = false;
  #onIdle: (() => void)[] = [];

  constructor(settings: EngineSettings, identity: Identity) {
    const { client, compression, transactionalId } = settings;
    this.#settings = settings;
    this.#client = client;
    this.#identity = identity;
    this.#encoder = new ProduceEncoder({
      codecs: client.settings.codecs,
      compression,
      isTransactional: transactionalId !== null,
    });
    this.#laneOwner = {
      client,
      transactionalId,
      purpose: client.ownPurpose('produce'),
      encoder: this.#encoder,
      mayGo: (sender, lane) => !this.#isEnded && this.#mayGo(sender, lane),
      nextBatch: (sender) => this.#nextBatch(sender),
      answered: (sent, error, answer) => this.#answered(sent, error, answer),
      notConnected: (senders, error) => this.#notConnected(senders, error),
    };
  }

  send(topic: string, partition: number, records: Records): Promise<SendResult> {
    const call = sendCall(records, this.#nowMs() + this.#settings.deliveryTimeoutMs);
    const sender = this.#sender(topic, partition);
    return new Promise((resolve, reject) => {
      this.#waiters.set(call, { resolve, reject });
      sender.state.add(call);
      this.#armDeadline(call.deadlineMs);
      this.#wake(sender);
    });
  }

  /** Resolves when nothing is waiting or in flight any more. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
      this.#tellIdle();
    });
  }

  /** Fails everything that is not stored yet. */
  abandon(error: TributaryError): void {
    for (const sender of this.#senders.values()) {
      sender.state.abandon(error);
      this.#wake(sender);
    }
    this.#tellIdle();
  }

  /** True where a batch may be missing, so that the epoch must be raised before more is sent. */
  get hasGap(): boolean {
    return [...this.#senders.values()].some((sender) => sender.state.hasGap);
  }

  /** Goes on as another producer, from the first sequence number. Only while idle. */
  restart(identity: Identity): void {
    this.#identity = identity;
    for (const sender of this.#senders.values()) sender.state.restart(identity);
  }

  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#deadlineTimer);
    for (const sender of this.#senders.values()) clearTimeout(sender.timer);
    this.#client.connections.end(this.#laneOwner.purpose);
  }

  #sender(topic: string, partition: number): Sender {
    const key = partitionKey(topic, partition);
    const known = this.#senders.get(key);
    if (known !== undefined) return known;
    const events = {
      done: (call: SendCall) => this.#done(call),
      failed: (call: SendCall, error: TributaryError) => this.#failed(call, error),
      retry: (reason: string) => this.#settings.onRetry({ what: 'produce', reason, topic, partition }),
    };
    const name = `partition ${partition} of topic "${topic}"`;
    const mayRaiseEpoch = this.#settings.transactionalId === null;
    const { raisesAlone = true } = this.#settings;
    const sender: Sender = {
      topic,
      partition,
      key,
      state: new PartitionState({ name, mayRaiseEpoch, raisesAlone, events }, this.#identity),
      maxBytes: this.#settings.maxBatchBytes,
      failures: 0,
      isStale: false,
      isResolving: false,
      timer: undefined,
    };
    this.#senders.set(key, sender);
    return sender;
  }

  #done(call: SendCall): void {
    this.#waiters.get(call)?.resolve({ baseOffset: call.baseOffset, lastOffset: call.lastOffset });
    this.#waiters.delete(call);
  }

  #failed(call: SendCall, error: TributaryError): void {
    const waiter = this.#waiters.get(call);
    this.#waiters.delete(call);
    waiter?.reject(error);
    this.#settings.onFailure?.(error, false);
  }

  // ---- sending

  #wake(sender: Sender): void {
    this.#woken.add(sender);
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => this.#pump());
  }

  #pump(): void {
    this.#isPumping = false;
    if (this.#isEnded) return;
    const lanes = new Set<Lane>();
    for (const sender of this.#woken) {
      const lane = this.#laneOf(sender);
      if (lane === undefined) continue;
      lane.add(sender);
      lanes.add(lane);
    }
    this.#woken.clear();
    for (const lane of lanes) lane.drive();
  }

  /** Undefined where something has to be found out first; the sender is woken then. */
  #laneOf(sender: Sender): Lane | undefined {
    if (sender.isResolving || sender.timer !== undefined || sender.state.isEmpty) return undefined;
    if (sender.state.needsIdentity) return this.#resolve(sender, () => this.#renew(sender));
    const leader = this.#client.metadata.leader(sender.topic, sender.partition);
    if (sender.isStale || leader === undefined) return this.#resolve(sender, () => this.#findLeader(sender));
    const wake = (): void => this.#wake(sender);
    if (this.#settings.mayUse !== undefined && !this.#settings.mayUse(sender, wake)) return undefined;
    return this.#lane(leader.nodeId);
  }

  #lane(nodeId: number): Lane {
    const known = this.#lanes.get(nodeId);
    if (known !== undefined) return known;
    const lane: Lane = new ProduceLane(nodeId, this.#laneOwner);
    this.#lanes.set(nodeId, lane);
    return lane;
  }

  /** Its leader may have moved since it was put there, or its transaction have ended. */
  #mayGo(sender: Sender, lane: Lane): boolean {
    const current = this.#laneOf(sender);
    if (current === lane) return true;
    if (current !== undefined) this.#wake(sender);
    return false;
  }

  #nextBatch(sender: Sender): Batch | undefined {
    let isNew = false;
    const batch = sender.state.next(this.#nowMs(), (request) => {
      const timeMs = this.#client.settings.clock.nowMs();
      const count = this.#encoder.fit(request, sender.maxBytes, timeMs);
      isNew = true;
      return { count, timeMs };
    });
    if (batch === undefined && sender.state.needsIdentity) this.#wake(sender);
    else if (batch === undefined) this.#armRetry(sender);
    else if (!isNew) this.#encoder.again(batch);
    return batch;
  }

  // ---- answers

  #answered(
    sent: readonly SentBatch<Sender>[],
    error: TributaryError | undefined,
    answer: ProduceAnswer | undefined,
  ): void {
    for (const { sender, batch } of sent) {
      const part = answer?.partitions.find(
        ({ topic, partition }) => topic === sender.topic && partition === sender.partition,
      );
      if (part !== undefined) {
        this.#answeredOne(sender, batch, part, answer!);
        continue;
      }
      // Nothing was said about it: it may be stored or not. A leader that is gone may have a successor.
      sender.isStale = true;
      const reason = error === undefined ? 'the answer does not name the partition' : describeError(error);
      this.#settle(sender, batch, { kind: 'retry', reason, delayMs: this.#delayMs(sender) });
    }
  }

  #answeredOne(sender: Sender, batch: Batch, part: ProducedPartition, answer: ProduceAnswer): void {
    const { metadata } = this.#client;
    const { topic, partition, leaderId, leaderEpoch } = part;
    const isTransactional = this.#settings.transactionalId !== null;
    if (leaderId >= 0) metadata.learnLeader(topic, partition, { nodeId: leaderId, leaderEpoch }, answer.endpoints);
    else if (isStale(part)) sender.isStale = true;
    const delayMs = part.errorCode === 0 ? 0 : this.#delayMs(sender);
    const outcome = outcomeOf(part, isTransactional, delayMs);
    if (outcome.kind === 'stored') sender.failures = 0;
    if (isTransactional && isFenced(part) && outcome.kind === 'rejected')
      this.#settings.onFailure?.(outcome.error, true);
    if (outcome.kind === 'too-large') void this.#tooLarge(sender, batch, outcome.error);
    else this.#settle(sender, batch, outcome);
  }

  #settle(sender: Sender, batch: Batch, outcome: Outcome): void {
    sender.state.answer(batch, outcome, this.#nowMs());
    this.#wake(sender);
    this.#tellIdle();
  }

  /** Looks what the topic takes, so that a record that can never fit fails with that number, and later ones at once. */
  async #tooLarge(sender: Sender, batch: Batch, error: TributaryError): Promise<void> {
    const { client, compression, maxBatchBytes } = this.#settings;
    const names = ['max.message.bytes'];
    const limit = await client.metadata
      .anyNode((wire) => describeConfig(client.toolkit, wire, sender.topic, names))
      .then(
        ([entry]) => Number(entry?.value),
        () => Number.NaN, // not allowed to look: halving finds out as well
      );
    if (limit > 0) sender.maxBytes = Math.min(maxBatchBytes, limit);
    const misfit = compression === 'none' ? misfitOf(batch, sender.maxBytes) : undefined;
    const outcome: Outcome =
      misfit === undefined
        ? { kind: 'too-large', error }
        : { kind: 'rejected', error: tooLargeError(misfit, sender.maxBytes) };
    this.#settle(sender, batch, outcome);
  }

  // ---- finding out

  #resolve(sender: Sender, find: () => Promise<void>): undefined {
    sender.isResolving = true;
    find()
      .catch((error: unknown) => {
        if (isRetriable(error) || isError(error, 'AUTHENTICATION_FAILED')) {
          const { topic, partition } = sender;
          this.#settings.onRetry({ what: 'produce', reason: describeError(error), topic, partition });
          this.#pause(sender, this.#delayMs(sender));
          return;
        }
        sender.state.abandon(error instanceof TributaryError ? error : internal(error));
        this.#tellIdle();
      })
      .finally(() => {
        sender.isResolving = false;
        if (sender.timer === undefined) this.#wake(sender);
      });
    return undefined;
  }

  async #findLeader(sender: Sender): Promise<void> {
    const { metadata } = this.#client;
    const { topic, partition } = sender;
    const found = await metadata.refreshTopic(topic);
    const count = found.partitions.length;
    if (!Number.isInteger(partition) || partition < 0 || partition >= count)
      throw unknownPartitionError(topic, partition, count);
    if (metadata.leader(topic, partition) === undefined)
      throw new TributaryError('BROKER_UNAVAILABLE', `Cannot send to ${sender.key}: it has no leader`, {
        retriable: true,
      });
    sender.isStale = false;
  }

  async #renew(sender: Sender): Promise<void> {
    sender.state.restart(await this.#settings.newIdentity());
  }

  /** Everyone who wanted to go there looks for the leader again, after a while. */
  #notConnected(senders: readonly Sender[], error: unknown): void {
    for (const sender of senders) {
      const { topic, partition } = sender;
      sender.isStale = true;
      this.#settings.onRetry({ what: 'connect', reason: describeError(error), topic, partition });
      this.#pause(sender, this.#delayMs(sender));
    }
  }

  // ---- time

  #delayMs(sender: Sender): number {
    sender.failures++;
    return backoffMs(sender.failures, retryPolicy, this.#client.settings.random);
  }

  #armRetry(sender: Sender): void {
    const { wakeAtMs } = sender.state;
    if (wakeAtMs !== undefined) this.#pause(sender, Math.max(wakeAtMs - this.#nowMs(), 0));
  }

  #pause(sender: Sender, ms: number): void {
    if (sender.timer !== undefined || this.#isEnded) return;
    sender.timer = setTimeout(() => {
      sender.timer = undefined;
      this.#wake(sender);
    }, ms);
  }

  #armDeadline(deadlineMs: number): void {
    if (this.#deadlineTimer !== undefined || deadlineMs === Number.POSITIVE_INFINITY) return;
    const ms = Math.min(Math.max(deadlineMs - this.#nowMs(), 0) + 1, 2 ** 31 - 1);
    this.#deadlineTimer = setTimeout(() => this.#expire(), ms);
  }

  #expire(): void {
    this.#deadlineTimer = undefined;
    const nowMs = this.#nowMs();
    let next = Number.POSITIVE_INFINITY;
    for (const sender of this.#senders.values()) {
      sender.state.expire(nowMs);
      this.#wake(sender);
      next = Math.min(next, sender.state.nextDeadlineMs);
    }
    this.#armDeadline(next);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#onIdle.length === 0) return;
    for (const sender of this.#senders.values()) if (!sender.state.isEmpty) return;
    for (const tell of this.#onIdle.splice(0)) tell();
  }

  #nowMs(): number {
    return this.#client.settings.clock.monotonicMs();
  }
}

/** Size of a record of the batch's calls that fits into no batch. */
function misfitOf(batch: Batch, maxBytes: number): number | undefined {
  for (const { call } of batch.parts) {
    for (const record of call.records) {
      const size = batchBytesOf(record);
      if (size > maxBytes) return size;
    }
  }
  return undefined;
}

function internal(error: unknown): TributaryError {
  return new TributaryError('INTERNAL', `Cannot send: ${describeError(error)}`, { cause: error });
}
