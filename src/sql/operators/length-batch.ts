import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Evaluate, Frame, Row } from '../values/value.ts';
import type { Operator } from './operator.ts';
import type { Contents, WindowContent } from './window-content.ts';

interface Options {
  readonly count: number;
  /** WHERE behind the window: the batch counts all rows and holds those that pass. */
  readonly lateFilter?: Evaluate;
  readonly frame: Frame;
  readonly contents: Contents;
}

/** LENGTHBATCH: every so many rows; a batch that is not full is held. */
export class LengthBatch implements Operator, Forgetful {
  private readonly options: Options;
  private content: WindowContent;
  private count = 0;
  private order = 0;

  constructor(options: Options) {
    this.options = options;
    this.content = options.contents.create();
  }

  push(row: Row): void {
    const { lateFilter, frame, contents, count } = this.options;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    if (lateFilter === undefined || lateFilter(frame) === true) this.content.add(row, this.order++);
    if (++this.count < count) return;
    const full = this.content;
    this.content = contents.create();
    this.count = 0;
    full.close(0, 0, row.timestamp);
  }

  get isEmpty(): boolean {
    return this.count === 0 && this.options.contents.isEmpty;
  }

  snapshot(writer: StateWriter): void {
    this.options.contents.snapshot(writer);
    writer.count(this.count);
    writer.count(this.order);
    this.content.snapshot(writer);
  }

  restore(reader: StateReader): void {
    this.options.contents.restore(reader);
    this.count = reader.count();
    this.order = reader.count();
    this.content = this.options.contents.create(); // the first one shares nothing with groups that are only known now
    this.content.restore(reader);
  }
}
