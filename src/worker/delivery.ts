/** How prepared batches get to the broker and their offsets into the table: at-least-once.ts and exactly-once.ts. */
import type { Producer } from '../broker/broker.ts';
import type { SourceBatch } from '../connectors/contract.ts';
import type { PreparedBatch } from './batch-preparation.ts';

export interface Delivered {
  /** Without its records, which nobody needs any more once they are prepared: they need not live until the acknowledgement. */
  readonly batch: Omit<SourceBatch, 'records' | 'column'>;
  readonly prepared: PreparedBatch;
}

export interface Delivery {
  /** Another one may take its place in time: ask again rather than keep it. */
  readonly producer: Producer;
  /** Takes a batch and waits for room for the next one. Throws what an earlier one failed with. */
  submit(item: Delivered): Promise<void>;
  /** Milliseconds until `onDue` wants to be called though no batch has come; undefined: never. */
  dueInMs(): number | undefined;
  onDue(): Promise<void>;
  /** Waits until everything is stored that was handed in and is going to be. */
  drain(): Promise<void>;
  /** Records that were handed in and are not stored as far as is known. */
  unstored(): number;
  /** Gives up what is not stored yet: it must not be written any more. */
  abandon(): void;
  closeProducer(): Promise<void>;
  /** Stores what is left to store of offsets. */
  storeOffsets(): Promise<void>;
}

/** Every record was skipped or filtered: nothing of it goes to the broker. */
export function sendsNothing({ sends, letters }: PreparedBatch): boolean {
  return sends.length === 0 && letters.length === 0;
}

/** A record that was skipped or filtered does not move the offset by itself (as Kafka Connect has it); a dead letter does. */
export function movesOffset({ records, letters, failure }: PreparedBatch): boolean {
  return failure === undefined && (records > 0 || letters.length > 0);
}
