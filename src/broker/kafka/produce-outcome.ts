import type { ProducedPartition } from './api/produce.ts';
import { kafkaErrorName } from './error-codes.ts';
import { errorOfCode, isRetriableCode } from './errors.ts';
import type { Outcome } from './produce-state.ts';

const duplicateSequence = 46;
const outOfOrder = 45;
const tooLarge = new Set([10, 18]);
/** The broker does not take our numbers: to a producer that may raise its epoch, the same as a gap. */
const unknownProducer = new Set([47, 49, 59, 90]);
/** Another producer with the same transactional id is at work. */
const fenced = new Set([47, 49, 90]);
const staleMetadata = new Set([3, 5, 6, 74, 75]);

/** What the answer for one batch means. `delayMs`: how long to wait where it goes again. */
export function outcomeOf(answer: ProducedPartition, isTransactional: boolean, delayMs: number): Outcome {
  const { errorCode, baseOffset, errorMessage } = answer;
  if (errorCode === 0 || errorCode === duplicateSequence) return { kind: 'stored', baseOffset };
  if (errorCode === outOfOrder) return { kind: 'out-of-order' };
  const error = errorOfCode(
    errorCode,
    `send to partition ${answer.partition} of topic "${answer.topic}"`,
    errorMessage,
  );
  if (tooLarge.has(errorCode)) return { kind: 'too-large', error };
  if (unknownProducer.has(errorCode)) return isTransactional ? { kind: 'rejected', error } : { kind: 'out-of-order' };
  if (!isRetriableCode(errorCode)) return { kind: 'rejected', error };
  // The answer names the new leader: nothing has to settle first.
  const isMoved = answer.leaderId >= 0;
  return { kind: 'retry', reason: kafkaErrorName(errorCode), delayMs: isMoved ? 0 : delayMs };
}

/** True where what is known of the partition's leader is wrong. */
export function isStale(answer: ProducedPartition): boolean {
  return staleMetadata.has(answer.errorCode);
}

export function isFenced(answer: ProducedPartition): boolean {
  return fenced.has(answer.errorCode);
}
