import type { StateReader } from './state-reader.ts';
import type { StateWriter } from './state-writer.ts';

/** What a checkpoint keeps of one part of an application. */
export interface Stateful {
  snapshot(writer: StateWriter): void;
  /** Takes over what `snapshot` wrote, into a fresh part of the same plan. */
  restore(reader: StateReader): void;
}

/** A part that may come to a point where nothing that has come makes a difference any more. */
export interface Forgetful extends Stateful {
  /** Whether a fresh part in its place would do the same from now on. */
  readonly isEmpty: boolean;
}
