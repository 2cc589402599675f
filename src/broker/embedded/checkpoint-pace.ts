/**
 * After how many bytes of batches the write-ahead log is moved into the file. Whoever comes meanwhile waits for that, and it
 * takes as long as there are different pages in the log: those of the batches, but for a log that is taken away behind its
 * reader, whose batches lie in the same pages again and again. So it is made after as much as the last ones show to be short.
 */
import { logBytes } from './schema.ts';

export const minCheckpointBytes: number = 8 * 1024 * 1024;
const maxCheckpointBytes = logBytes / 2;
/** One that took less is made after twice as much the next time, one that took twice as long after half. */
const wantedMs = 20;

export function nextCheckpointBytes(bytes: number, tookMs: number): number {
  if (tookMs < wantedMs) return Math.min(bytes * 2, maxCheckpointBytes);
  return tookMs > wantedMs * 2 ? Math.max(bytes / 2, minCheckpointBytes) : bytes;
}
