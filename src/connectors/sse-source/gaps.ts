/** Ids that are whole numbers and count by one tell of events that never came. Ids of any other kind tell nothing. */
import { wholeNumberOf } from '../../base/whole-number.ts';

/** So many ids in a row that count by one are no accident, in the midst of a stream. */
const longRun = 10;
/** The same where a stream was taken up again: there a gap is likely. */
const shortRun = 3;
/** Longer ids are no counts. */
const mostDigits = 15;

export class GapTracker {
  #last = -1;
  /** Ids in a row that counted by one, up to the last. */
  #run = 0;
  /** Missing where the stream was taken up again, until the ids after it have shown that they count by one. */
  #suspected = 0;
  #suspectedFrom = 0;
  #resuming = false;
  /** Of the gap that was found last: the first id that never came. */
  from = 0;

  /** The next id comes over a new connection. `lastId`: the one to go on behind, where it is not known from before. */
  reconnected(lastId?: Uint8Array): void {
    this.#resuming = true;
    this.#suspected = 0;
    if (lastId === undefined) return;
    this.#last = wholeNumberOf(lastId, mostDigits);
    this.#run = 0;
  }

  /** How many events are missing before this one; below 0: its id was there already, or the server counts anew. */
  see(id: Uint8Array): number {
    const number = wholeNumberOf(id, mostDigits);
    const last = this.#last;
    const resuming = this.#resuming;
    this.#last = number;
    this.#resuming = false;
    if (number === last + 1 && last >= 0) {
      this.#run++;
      return this.#suspected > 0 && this.#run >= shortRun ? this.#confirmed() : 0;
    }
    const run = this.#run;
    this.#run = number < 0 ? 0 : 1;
    this.#suspected = 0;
    if (number < 0 || last < 0) return 0;
    if (number <= last) return -1;
    const missing = number - last - 1;
    if (run >= (resuming ? shortRun : longRun)) {
      this.from = last + 1;
      return missing;
    }
    if (resuming) {
      this.#suspected = missing;
      this.#suspectedFrom = last + 1;
    }
    return 0;
  }

  #confirmed(): number {
    const missing = this.#suspected;
    this.#suspected = 0;
    this.from = this.#suspectedFrom;
    return missing;
  }
}
