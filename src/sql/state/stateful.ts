import type { StateReader } from './state-reader.ts';
import type { StateWriter } from './state-writer.ts';

/** What a checkpoint keeps of one part of an application. */
export interface Stateful {
  snapshot(writer: StateWriter): void;
  /** Takes over what `snapshot` wrote, into a fresh part of the same plan. */
  restore(reader: StateReader): void;
}
