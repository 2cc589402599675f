import type { Records } from '../../record/value-column.ts';

/** One call of send(). */
export interface SendCall {
  readonly records: Records;
  readonly deadlineMs: number;
  /** Index of the first record that is in no batch yet. */
  next: number;
  /** Records stored so far. */
  stored: number;
  baseOffset: number;
  lastOffset: number;
  isDone: boolean;
}

export function sendCall(records: Records, deadlineMs: number): SendCall {
  return { records, deadlineMs, next: 0, stored: 0, baseOffset: -1, lastOffset: -1, isDone: false };
}

/** Which producer a batch is from. Each partition may have its own epoch: brokers check it partition by partition. */
export interface Identity {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** Records of one call within a batch. */
export interface Part {
  readonly call: SendCall;
  readonly count: number;
}

export class Batch {
  readonly records: Records;
  readonly from: number;
  readonly count: number;
  /** Timestamp of records that have none. */
  readonly timeMs: number;
  readonly parts: readonly Part[];
  identity: Identity;
  sequence: number;
  /** Counts the batches of its partition, in their order; both parts of one that was cut have its number. */
  number = 0;
  /** `again`: its attempt failed; `dead`: refused for good. */
  status: 'sent' | 'again' | 'dead' = 'again';
  /** True where an earlier attempt may have stored it: then no later refusal is certain. */
  isUncertain = false;
  /** True once its numbers were changed after OUT_OF_ORDER at the head: a second time is not an accident. */
  wasRaised = false;

  constructor(
    records: Records,
    from: number,
    timeMs: number,
    parts: readonly Part[],
    identity: Identity,
    sequence: number,
  ) {
    this.records = records;
    this.from = from;
    this.timeMs = timeMs;
    this.parts = parts;
    this.count = parts.reduce((sum, part) => sum + part.count, 0);
    this.identity = identity;
    this.sequence = sequence;
  }

  /** Nobody waits for it any more. */
  get isGhost(): boolean {
    return this.parts.every(({ call }) => call.isDone);
  }

  /** Two batches with its records, and with its sequence numbers between them. */
  split(at: number): [Batch, Batch] {
    const [left, right] = splitParts(this.parts, at);
    const { records, from, timeMs, identity, sequence } = this;
    const halves: [Batch, Batch] = [
      new Batch(records, from, timeMs, left, identity, sequence),
      new Batch(records, from + at, timeMs, right, identity, sequenceAfter(sequence, at)),
    ];
    for (const half of halves) {
      half.isUncertain = this.isUncertain;
      half.number = this.number;
    }
    return halves;
  }
}

/** Sequence numbers are int32; 0 follows 2^31 - 1. */
export function sequenceAfter(sequence: number, count: number): number {
  return (sequence + count) % 2 ** 31;
}

function splitParts(parts: readonly Part[], at: number): [Part[], Part[]] {
  const left: Part[] = [];
  const right: Part[] = [];
  let room = at;
  for (const { call, count } of parts) {
    const taken = Math.min(room, count);
    room -= taken;
    if (taken > 0) left.push({ call, count: taken });
    if (taken < count) right.push({ call, count: count - taken });
  }
  return [left, right];
}
