import type { Evaluate, Frame, Row } from '../values/value.ts';
import type { Operator } from './operator.ts';
import type { WindowContent } from './window-content.ts';

interface Options {
  readonly count: number;
  /** WHERE behind the window: the batch counts all rows and holds those that pass. */
  readonly lateFilter?: Evaluate;
  readonly frame: Frame;
  readonly newContent: () => WindowContent;
}

/** LENGTHBATCH: every so many rows; a batch that is not full is held. */
export class LengthBatch implements Operator {
  private readonly options: Options;
  private content: WindowContent;
  private count = 0;
  private order = 0;

  constructor(options: Options) {
    this.options = options;
    this.content = options.newContent();
  }

  push(row: Row): void {
    const { lateFilter, frame, newContent, count } = this.options;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    if (lateFilter === undefined || lateFilter(frame) === true) this.content.add(row, this.order++);
    if (++this.count < count) return;
    const full = this.content;
    this.content = newContent();
    this.count = 0;
    full.close(0, 0, row.timestamp);
  }
}
