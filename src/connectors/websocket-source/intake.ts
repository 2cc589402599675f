/**
 * Makes records of messages and keeps them until the worker takes them. What is counted per message are plain fields;
 * counters, warnings and the one who waits are looked after once per chunk, in `settle`.
 */
import { isUtf8 } from 'node:buffer';
import { RecordQueue } from '../../record/record-queue.ts';
import { BYTES, type Schema, STRING } from '../../record/schema.ts';
import { noSourceHeaders, type SourceRecord } from '../../record/source-record.ts';
import { BoundedLog } from '../../telemetry/bounded-log.ts';
import type { Log } from '../../telemetry/log.ts';
import { readPointer } from './json-pointer.ts';
import { type DropReason, dropReasons, type Meters } from './meters.ts';
import { unpack } from './payload.ts';
import type { MessageSettings, QueueSettings } from './settings.ts';

/** Longer messages are no heartbeat replies: looking at each message would cost its decoding. */
const longestReplyBytes = 4096;
/** Share of the queue at which a warning is due. */
const highUtilization = 0.8;

export interface IntakeOptions {
  readonly topic: string;
  readonly queue: QueueSettings;
  readonly messages: MessageSettings;
  readonly meters: () => Meters;
  readonly log: Log;
  /** Called when there is something to take. */
  readonly onRecords: () => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #topic: string;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #blocks: boolean;
  readonly #dropsOldest: boolean;
  /** Text messages go straight into the queue. */
  readonly #plainText: boolean;
  readonly #queue = new RecordQueue();
  readonly #drops: Record<DropReason, number> = {
    drop_oldest: 0,
    drop_newest: 0,
    binary: 0,
    not_utf8: 0,
    undecodable: 0,
    abandoned: 0,
  };
  readonly #dropLogs: Readonly<Record<DropReason, BoundedLog>>;
  readonly #utilizationLog: BoundedLog;
  #warned = false;
  #received = 0;
  #receivedBytes = 0;
  #binary = 0;
  #replies = 0;
  #chunkAtMs = 0;
  #oldestAtMs = 0;
  /** When the last message came that was not a heartbeat reply; undefined before the first. */
  messageAtMs: number | undefined;

  constructor(options: IntakeOptions) {
    const { topic, queue, messages, log } = options;
    this.#options = options;
    this.#topic = topic;
    this.#maxRecords = queue.maxRecords;
    this.#maxBytes = queue.maxBytes;
    this.#blocks = queue.overflow === 'block';
    this.#dropsOldest = queue.overflow === 'drop-oldest';
    this.#plainText = messages.key === null && messages.heartbeatReply === null;
    this.#dropLogs = Object.fromEntries(
      dropReasons.map((reason) => [reason, new BoundedLog(log, 'message_dropped')]),
    ) as Record<DropReason, BoundedLog>;
    this.#utilizationLog = new BoundedLog(log, 'queue_high_utilization');
  }

  get length(): number {
    return this.#queue.length;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  get isFull(): boolean {
    return this.#blocks && (this.#queue.length >= this.#maxRecords || this.#queue.bytes >= this.#maxBytes);
  }

  /** What follows arrives now. */
  begin(nowMs: number): void {
    this.#chunkAtMs = nowMs;
  }

  /** A message. False: full, give no more until something was taken. */
  message(payload: Uint8Array, binary: boolean): boolean {
    this.#received++;
    this.#receivedBytes += payload.length;
    if (binary) return this.#onBinary(payload);
    return this.#plainText ? this.#enqueue(payload, STRING, null) : this.#onText(payload);
  }

  /** Looks after everything that one chunk brought. */
  settle(): void {
    const meters = this.#options.meters();
    if (this.#received > this.#replies) this.messageAtMs = this.#chunkAtMs;
    meters.received.value += this.#received;
    meters.bytes.value += this.#receivedBytes;
    meters.binary.value += this.#binary;
    meters.heartbeatReplies.value += this.#replies;
    this.#received = this.#receivedBytes = this.#binary = this.#replies = 0;
    for (const reason of dropReasons) {
      const count = this.#drops[reason];
      if (count === 0) continue;
      this.#drops[reason] = 0;
      meters.dropped[reason].value += count;
      this.#dropLogs[reason].add(count, this.#chunkAtMs, dropFields(reason));
    }
    this.#warnWhenHigh();
    if (this.#queue.length > 0) this.#options.onRecords();
  }

  /** Everything that is queued, with the time at which the oldest came. */
  take(): { readonly records: readonly SourceRecord[]; readonly receivedAtMs: number } {
    const records = this.#queue.takeAll();
    if (records.length > 0) this.#options.meters().produced.value += records.length;
    return { records, receivedAtMs: this.#oldestAtMs };
  }

  /** A new connection: the warning may come again. */
  rearm(): void {
    this.#warned = false;
  }

  /** Nobody will take what is left; says what has not been said. */
  end(nowMs: number): void {
    const left = this.#queue.takeAll().length;
    this.#drops.abandoned += left;
    this.#chunkAtMs = nowMs;
    this.settle();
    for (const reason of dropReasons) this.#dropLogs[reason].flush(nowMs, dropFields(reason));
  }

  #onText(payload: Uint8Array): boolean {
    const { heartbeatReply, key } = this.#options.messages;
    if (heartbeatReply !== null && payload.length <= longestReplyBytes) {
      if (heartbeatReply.test(textOf(payload))) {
        this.#replies++;
        return true;
      }
    }
    return this.#enqueue(payload, STRING, key === null ? null : readPointer(payload, key));
  }

  #onBinary(payload: Uint8Array): boolean {
    this.#binary++;
    const { binary, encoding, maxBytes, key } = this.#options.messages;
    if (binary === 'drop') return this.#drop('binary');
    const data = encoding === 'none' ? payload : unpack(payload, encoding, maxBytes);
    if (data === null) return this.#drop('undecodable');
    if (binary === 'text') return isUtf8(data) ? this.#onText(data) : this.#drop('not_utf8');
    return this.#enqueue(data, BYTES, key === null ? null : readPointer(data, key));
  }

  #drop(reason: DropReason): true {
    this.#drops[reason]++;
    return true;
  }

  #enqueue(value: Uint8Array, valueSchema: Schema, key: Uint8Array | null): boolean {
    const queue = this.#queue;
    const bytes = value.length;
    if (!this.#blocks) {
      const overflows = queue.length >= this.#maxRecords || (queue.length > 0 && queue.bytes + bytes > this.#maxBytes);
      if (overflows && !this.#dropsOldest) return this.#drop('drop_newest');
      if (overflows) this.#makeRoom(bytes);
    }
    if (queue.length === 0) this.#oldestAtMs = this.#chunkAtMs;
    queue.push(
      {
        topic: this.#topic,
        partition: null,
        key,
        keySchema: key === null ? null : STRING,
        value,
        valueSchema,
        headers: noSourceHeaders,
        timestampMs: null,
      },
      bytes,
    );
    return !this.#blocks || (queue.length < this.#maxRecords && queue.bytes < this.#maxBytes);
  }

  #makeRoom(bytes: number): void {
    const queue = this.#queue;
    while (queue.length >= this.#maxRecords || (queue.length > 0 && queue.bytes + bytes > this.#maxBytes)) {
      queue.dropOldest();
      this.#drops.drop_oldest++;
    }
  }

  /** Once when the queue is 80 % full; again when it has been less full meanwhile, or after a reconnect. */
  #warnWhenHigh(): void {
    const utilization = Math.max(this.#queue.length / this.#maxRecords, this.#queue.bytes / this.#maxBytes);
    if (utilization < highUtilization) this.#warned = false;
    else if (!this.#warned) {
      this.#warned = true;
      this.#utilizationLog.add(1, this.#chunkAtMs, {
        queue_size: this.#queue.length,
        queue_capacity: this.#maxRecords,
        queue_utilization_percent: Math.round(utilization * 100),
      });
    }
  }
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
}

function dropFields(reason: DropReason): Readonly<Record<string, string>> {
  return reason === 'drop_oldest' || reason === 'drop_newest' ? { reason: 'queue_full', dropped: reason } : { reason };
}
