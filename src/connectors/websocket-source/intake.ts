/**
 * Looks at messages, and keeps them until the worker takes them. What is counted per message are plain fields; counters,
 * warnings and the one who waits are looked after once per chunk, in `settle`.
 *
 * Longer than most files: numbers, holes that are filled, and the queue have files of their own, and what ties them together for
 * each message shares the fields of the chunk (its time, its connection, its counts).
 */
import { isUtf8 } from 'node:buffer';
import { after, type Clock } from '../../base/clock.ts';
import { BYTES, type Schema, STRING } from '../../record/schema.ts';
import type { ValueColumn } from '../../record/value-column.ts';
import type { QueueSettings } from '../../source/bounded-queue.ts';
import { Drops } from '../../source/drops.ts';
import { QueueAlarm } from '../../source/queue-alarm.ts';
import { BoundedLog } from '../../telemetry/bounded-log.ts';
import type { Log } from '../../telemetry/log.ts';
import type { SourceMap } from '../contract.ts';
import type { Backfilled } from './backfill.ts';
import type { TextHandler } from './frame-reader.ts';
import { readPointer } from './json-pointer.ts';
import { MessageQueue, type Taken } from './message-queue.ts';
import { type DropReason, dropReasons, type Meters } from './meters.ts';
import type { NumbersSnapshot } from './number-positions.ts';
import { Numbering } from './numbering.ts';
import { unpack } from './payload.ts';
import { type Parked, Repairs } from './repairs.ts';
import type { Gap } from './sequence.ts';
import type { MessageSettings } from './settings.ts';

/** Longer messages are no heartbeat replies: looking at each message would cost its decoding. */
const longestReplyBytes = 4096;
const milestone = 100;

export interface IntakeOptions {
  readonly topic: string;
  /** What an earlier task has left. */
  readonly resumeOffset?: SourceMap | undefined;
  readonly queue: QueueSettings;
  readonly messages: MessageSettings;
  readonly meters: () => Meters;
  readonly log: Log;
  readonly clock: Clock;
  /** Called when there is something to take. */
  readonly onRecords: () => void;
  /** The text of a record about a gap. Called for each, before the message that showed it. */
  readonly onGap: (gap: Gap) => string;
  /** Asks for what is missing; absent: nobody does. It never rejects. */
  readonly fill?: (gap: Gap, signal: AbortSignal) => Promise<Backfilled>;
  /** What is asked for has changed, or is put: what was held back may be read. */
  readonly onRepair?: () => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  #topic: string;
  /** Text messages go straight into the queue. */
  readonly #plainText: boolean;
  readonly #queue: MessageQueue;
  /** Takes the text messages of a chunk together. */
  readonly texts: TextHandler;
  /** null: nobody asks for numbers or ids of messages. */
  readonly #numbering: Numbering | null;
  readonly #drops: Drops<DropReason>;
  readonly #alarm: QueueAlarm;
  readonly #restarts: BoundedLog;
  /** null: nobody asks for what is missing. */
  readonly #repairs: Repairs | null;
  /** Calls off the timer for holes that are waited for. */
  #cancelTick: (() => void) | undefined;
  #received = 0;
  #receivedBytes = 0;
  #binary = 0;
  #replies = 0;
  #connection = 0;
  #gaps = 0;
  #missing = 0;
  #gapRecords = 0;
  #chunkAtMs = 0;
  /** False while the message is admitted that has waited for what was missing before it. */
  #showsHoles = true;
  /** When the last message came that was not a heartbeat reply; undefined before the first. */
  messageAtMs: number | undefined;

  constructor(options: IntakeOptions) {
    const { topic, queue, messages, log } = options;
    this.#options = options;
    this.#topic = topic;
    this.#plainText = messages.key === null && messages.heartbeatReply === null;
    const { numbering } = messages;
    const isAsked = numbering.sequence !== null || numbering.dedupe !== null;
    this.#numbering = isAsked ? new Numbering(numbering, (gap) => this.#noteGap(gap)) : null;
    if (options.resumeOffset !== undefined) this.#numbering?.restore(options.resumeOffset, options.clock.monotonicMs());
    this.#drops = new Drops(dropReasons, log, 'message_dropped');
    this.#queue = new MessageQueue({
      queue,
      isPlainText: this.#plainText,
      drops: this.#drops,
      numbers: isAsked ? () => this.#numbers() : null,
    });
    this.#alarm = new QueueAlarm(log, queue);
    this.#restarts = new BoundedLog(log, 'sequence_restarted');
    this.#repairs = numbering.isFilled && options.fill !== undefined ? this.#repairsBy(options.fill) : null;
    this.texts = this.#textHandler();
  }

  get length(): number {
    return this.#queue.length;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  get isFull(): boolean {
    return this.isHolding || this.#queue.isFull;
  }

  /** A message waits for what is missing before it: nothing may be read, whatever room there is. */
  get isHolding(): boolean {
    return this.#repairs?.isHolding ?? false;
  }

  /** Missing messages that are asked for. */
  get asked(): number {
    return this.#repairs?.asked ?? 0;
  }

  /** True where messages are kept as views of the chunks they came in. */
  get keepsViews(): boolean {
    return this.#queue.keepsViews;
  }

  /** Channels whose numbers are followed. */
  get channels(): number {
    return this.#numbering?.channels ?? 0;
  }

  /** Where messages go from now on; of those that wait, which go there is not said. */
  writeTo(topic: string): void {
    this.#topic = topic;
  }

  /** `server`: which of those of a redundant pair. */
  opened(connection: number, server = 0): void {
    this.#numbering?.opened(connection, server);
    this.#alarm.rearm();
  }

  closed(connection: number, nowMs: number): void {
    const numbering = this.#numbering;
    if (numbering === null) return;
    const close = (): void => {
      this.#chunkAtMs = nowMs;
      numbering.closed(connection, nowMs);
      this.settle();
    };
    // A message of this connection may wait for others: it is over behind that one.
    if (this.#repairs === null) close();
    else this.#repairs.behind(close);
  }

  /** The task ends: nothing is asked for any more, and what waited goes on. */
  leave(): void {
    if (this.#repairs === null || this.#repairs.isOver) return;
    this.#numbering?.leave();
    this.#repairs.leave();
  }

  /** What follows arrives now, over this connection. */
  begin(nowMs: number, connection = 0): void {
    this.#chunkAtMs = nowMs;
    this.#connection = connection;
  }

  /** A message. False: full, give no more until something was taken. */
  message(payload: Uint8Array, binary: boolean): boolean {
    this.#received++;
    this.#receivedBytes += payload.length;
    if (binary) this.#binary++;
    if (this.#repairs === null) return this.#process(payload, binary);
    if (this.#repairs.isHolding) {
      this.#repairs.park(this.#parked(payload, binary));
      return false;
    }
    const goesOn = this.#process(payload, binary);
    const hole = this.#numbering!.takeHole();
    if (hole === undefined) return goesOn;
    this.#repairs.hold(hole, this.#parked(payload, binary));
    return false;
  }

  #process(payload: Uint8Array, binary: boolean): boolean {
    if (binary) return this.#onBinary(payload);
    if (!this.#plainText) return this.#onText(payload);
    if (!this.#admits(payload)) return true;
    return this.#enqueueData(payload, STRING);
  }

  /** Looks after everything that one chunk brought. True: messages that were no heartbeat replies were in it. */
  settle(): boolean {
    const meters = this.#options.meters();
    const hasBrought = this.#received > this.#replies;
    if (hasBrought) this.messageAtMs = this.#chunkAtMs;
    meters.received.value += this.#received;
    this.#tellMilestone(meters.received.value);
    meters.bytes.value += this.#receivedBytes;
    meters.binary.value += this.#binary;
    meters.heartbeatReplies.value += this.#replies;
    this.#received = this.#receivedBytes = this.#binary = this.#replies = 0;
    if (this.#numbering !== null) this.#settleNumbers(meters, this.#numbering);
    this.#drops.settle(meters.dropped, this.#chunkAtMs);
    this.#alarm.look(this, this.#chunkAtMs);
    if (this.length > 0) this.#options.onRecords();
    return hasBrought;
  }

  /** One line for a chunk, however many hundreds it brought. */
  #tellMilestone(total: number): void {
    if (Math.floor(total / milestone) === Math.floor((total - this.#received) / milestone)) return;
    this.#options.log.debug('messages_received_milestone', { messages_received: total });
  }

  /** What is queued, in one kind, with the time at which the oldest of it came. */
  take(): Taken {
    const taken = this.#queue.take(this.#topic);
    this.#options.meters().produced.value += 'column' in taken ? taken.column.values.length : taken.records.length;
    this.#repairs?.proceed();
    return taken;
  }

  /** How far the numbers are, behind all that is queued. Holes that are being filled have not come. */
  #numbers(): NumbersSnapshot | undefined {
    const numbers = this.#numbering?.snapshot();
    const open = this.#repairs?.open ?? [];
    return numbers === undefined || open.length === 0
      ? numbers
      : { ...numbers, missing: [...numbers.missing, ...open] };
  }

  /** Nobody looks at a column that was taken any more. */
  giveBack(values: ValueColumn): void {
    this.#queue.giveBack(values);
  }

  /** Messages that have come and that nobody will read. */
  abandon(count: number): void {
    this.#received += count;
    this.#drops.add('abandoned', count);
  }

  /** Nobody will take what is left; says what has not been said. */
  end(nowMs: number): void {
    this.#cancelTick?.();
    this.leave();
    this.#numbering?.end();
    // Records about the last gaps are among them.
    this.#drops.add('abandoned', this.length);
    this.#queue.clear();
    this.#chunkAtMs = nowMs;
    this.settle();
    this.#drops.flush(nowMs);
    this.#restarts.flush(nowMs, {});
  }

  #onText(payload: Uint8Array): boolean {
    const { heartbeatReply } = this.#options.messages;
    if (heartbeatReply !== null && payload.length <= longestReplyBytes) {
      if (heartbeatReply.test(textOf(payload))) {
        this.#replies++;
        return true;
      }
    }
    if (!this.#admits(payload)) return true;
    return this.#enqueueData(payload, STRING);
  }

  #onBinary(payload: Uint8Array): boolean {
    const { binary, encoding, maxBytes } = this.#options.messages;
    if (binary === 'drop') return this.#drop('binary');
    const data = encoding === 'none' ? payload : unpack(payload, encoding, maxBytes);
    if (data === null) return this.#drop('undecodable');
    if (binary === 'text') return isUtf8(data) ? this.#onText(data) : this.#drop('not_utf8');
    if (!this.#admits(data)) return true;
    return this.#enqueueData(data, BYTES);
  }

  #admits(data: Uint8Array): boolean {
    const showsHole = this.#showsHoles && this.#repairs !== null && !this.#repairs.isOver;
    return this.#numbering === null || this.#numbering.admits(data, this.#connection, this.#chunkAtMs, showsHole);
  }

  #noteGap(gap: Gap): void {
    const repairs = this.#repairs;
    const reason = repairs?.reasonOf(gap);
    // Told while it is filled: it is what was not got. Told by itself: several connections have gone past it.
    if (repairs === null || repairs.isOver) this.#tellGap(gap);
    else if (reason !== undefined) this.#tellGap({ ...gap, backfill: reason });
    else if (!repairs.beside(gap)) {
      this.#options.meters().backfill.failures.too_many_holes.value++;
      this.#tellGap({ ...gap, backfill: 'too many holes are being filled' });
    }
  }

  #tellGap(gap: Gap): void {
    this.#gaps++;
    this.#missing += gap.missing;
    const text = this.#options.onGap(gap);
    const { gapTopic } = this.#options.messages.numbering;
    if (gapTopic === null) return;
    const [value, key] = [Buffer.from(text), Buffer.from(gap.channel)];
    if (this.#queue.put(value, STRING, key, gapTopic, this.#chunkAtMs)) this.#gapRecords++;
  }

  #parked(payload: Uint8Array, binary: boolean): Parked {
    // Its memory is used again for what is read next.
    return { payload: Buffer.from(payload), binary, connection: this.#connection, atMs: this.#chunkAtMs };
  }

  #repairsBy(fill: NonNullable<IntakeOptions['fill']>): Repairs {
    const { clock, messages, meters, onRepair = () => {} } = this.#options;
    return new Repairs({
      step: messages.numbering.sequence!.step,
      fill,
      hasRoom: () => this.#queue.hasRoom,
      put: (gap, { number, payload }, parked) => {
        this.begin(clock.monotonicMs(), parked?.connection);
        if (!this.#numbering!.fills(payload, gap.channel, number, parked?.connection ?? null, this.#chunkAtMs)) {
          meters().deduplicated.value++;
          return;
        }
        meters().backfill.messages.value++;
        const isBytes = parked?.binary === true && messages.binary === 'bytes';
        this.#enqueueData(payload, isBytes ? BYTES : STRING);
      },
      replay: ({ payload, binary, connection, atMs }, showsNoHole) => {
        this.begin(atMs, connection);
        if (this.#repairs!.isHolding) {
          this.#repairs!.park({ payload, binary, connection, atMs });
          return;
        }
        this.#showsHoles = !showsNoHole;
        this.#process(payload, binary);
        this.#showsHoles = true;
        const hole = this.#numbering!.takeHole();
        if (hole !== undefined) this.#repairs!.hold(hole, { payload, binary, connection, atMs });
      },
      tell: (gap, reason) => this.#tellGap({ ...gap, backfill: reason }),
      begun: onRepair,
      changed: () => {
        this.settle();
        onRepair();
      },
    });
  }

  /** A message as it is queued, whatever it came in. */
  #enqueueData(data: Uint8Array, schema: Schema): boolean {
    const { key } = this.#options.messages;
    if (schema === STRING && this.#queue.takesText) {
      this.#queue.pushText(data, this.#chunkAtMs);
      return !this.isFull;
    }
    return this.#enqueue(data, schema, key === null ? null : readPointer(data, key));
  }

  #settleNumbers(meters: Meters, numbering: Numbering): void {
    const { dropped, late, repeated, restarted, unnumbered, forgotten, offStep } = numbering.takeCounts();
    meters.deduplicated.value += dropped;
    meters.sequence.gaps.value += this.#gaps;
    meters.sequence.missing.value += this.#missing;
    meters.sequence.gapRecords.value += this.#gapRecords;
    meters.sequence.late.value += late;
    meters.sequence.repeated.value += repeated;
    meters.sequence.restarts.value += restarted;
    meters.sequence.unnumbered.value += unnumbered;
    meters.sequence.forgotten.value += forgotten;
    this.#gaps = this.#missing = this.#gapRecords = 0;
    if (restarted > 0) this.#restarts.add(restarted, this.#chunkAtMs, offStep === 0 ? {} : { between_steps: offStep });
    this.#wakeForHoles(numbering);
  }

  /** A feed may fall silent behind a hole. */
  #wakeForHoles(numbering: Numbering): void {
    if (this.#cancelTick !== undefined) return;
    const { dueAtMs } = numbering;
    if (dueAtMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#cancelTick = after(clock, dueAtMs - clock.monotonicMs(), () => {
      this.#cancelTick = undefined;
      this.#chunkAtMs = clock.monotonicMs();
      numbering.tick(this.#chunkAtMs);
      this.settle();
    });
  }

  #drop(reason: DropReason): true {
    this.#drops.add(reason);
    return true;
  }

  #enqueue(value: Uint8Array, valueSchema: Schema, key: Uint8Array | null): boolean {
    if (!this.#queue.put(value, valueSchema, key, this.#topic, this.#chunkAtMs)) this.#numbering?.forgetLast();
    return !this.isFull;
  }

  #textHandler(): TextHandler {
    const intake = this;
    return {
      get records() {
        return intake.#queue.roomForTexts;
      },
      get bytes() {
        return intake.#queue.roomInBytes;
      },
      get isFull() {
        return intake.isFull;
      },
      take(chunk, spans, count) {
        const bytes = intake.#queue.pushTexts(chunk, spans, count, intake.#chunkAtMs);
        if (bytes === null) return false;
        intake.#received += count;
        intake.#receivedBytes += bytes;
        return true;
      },
    };
  }
}

function textOf(payload: Uint8Array): string {
  return Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
}
