import type { StateReader } from '../../state/state-reader.ts';
import type { StateWriter } from '../../state/state-writer.ts';
import type { Stateful } from '../../state/stateful.ts';
import { type Frame, newFrame, type Row, type Value } from '../../values/value.ts';
import type { EventDomain, TimeInput } from '../event-time.ts';
import type { QueryRunner } from '../query-runner.ts';
import type { Exchange } from './cut.ts';
import { PartFinder } from './part-finder.ts';

/** A row for a part, with how far the event time of its stream had come in front of it. */
export type SendRow = (part: number, row: Row, watermark: number) => void;

/**
 * Both ends of an exchange in one part: rows of its own stream go out, rows of all parts come in. Its time is the least of what
 * the parts say of theirs, so that no window closes before every part has come so far. `Infinity`: no row can come from there.
 */
export class ExchangeNode implements TimeInput, Stateful {
  readonly exchange: Exchange;
  readonly name: string;
  readonly readers: QueryRunner[] = [];
  /** Places of the columns that its readers look at. */
  readonly columns: readonly number[];
  /** Of a whole row of the stream. */
  readonly width: number;
  watermark = Number.NEGATIVE_INFINITY;
  domains: readonly EventDomain[] = [];
  /** The time of the stream in this part; undefined where rows carry none. */
  local: EventDomain | undefined;
  /** The furthest that any part has come, as far as it was heard here. */
  furthest = Number.NEGATIVE_INFINITY;
  /** A part that has nothing to read goes along with the others up to here. */
  followed = Number.NEGATIVE_INFINITY;
  send: SendRow = () => {};
  private readonly watermarks: number[];
  private readonly finder: PartFinder;
  private readonly frame: Frame = newFrame();
  private readonly keys: Value[] = [];

  constructor(exchange: Exchange, columns: readonly number[], width: number, parts: number) {
    this.exchange = exchange;
    this.name = [exchange.stream, ...exchange.keys.map(({ shown }) => shown)].join(' ');
    this.columns = columns;
    this.width = width;
    this.watermarks = new Array<number>(parts).fill(Number.NEGATIVE_INFINITY);
    this.finder = new PartFinder(parts);
  }

  /** A row of the stream, in this part. */
  push(row: Row): void {
    const { keys } = this.exchange;
    this.frame.values = row.values;
    this.frame.timestamp = row.timestamp;
    for (let i = 0; i < keys.length; i++) this.keys[i] = keys[i]!.evaluate(this.frame);
    this.send(this.finder.of(this.keys), row, this.local === undefined ? Number.NEGATIVE_INFINITY : this.local.time);
  }

  /** What the other parts are told of the time here. */
  get announced(): number {
    return this.local === undefined ? Number.NEGATIVE_INFINITY : Math.max(this.local.time, this.followed);
  }

  /** What a part has said of its time. */
  heard(part: number, watermark: number): void {
    this.watermarks[part] = Math.max(this.watermarks[part]!, watermark);
    if (watermark !== Number.POSITIVE_INFINITY) this.furthest = Math.max(this.furthest, watermark);
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < this.watermarks.length; i++) least = Math.min(least, this.watermarks[i]!);
    if (least === Number.POSITIVE_INFINITY || least <= this.watermark) return;
    this.watermark = least;
    for (const domain of this.domains) domain.advance();
  }

  /**
   * A row from a part, which stood at `watermark` when it sent it. Whether it is late was decided there: by the rows of its own
   * partition alone, and not by how the partitions happened to come together.
   */
  deliver(row: Row, watermark: number): void {
    for (const domain of this.domains) domain.origin = watermark;
    try {
      for (const reader of this.readers) reader.push(this.exchange.stream, row);
    } finally {
      for (const domain of this.domains) domain.origin = Number.NEGATIVE_INFINITY;
    }
  }

  snapshot(writer: StateWriter): void {
    writer.begin(`exchange ${this.name}`);
    for (const time of [this.watermark, this.furthest, this.followed]) writer.number(time);
    writer.list(this.watermarks, (watermark) => writer.number(watermark));
  }

  restore(reader: StateReader): void {
    reader.begin(`exchange ${this.name}`);
    this.watermark = reader.number();
    this.furthest = reader.number();
    this.followed = reader.number();
    for (const [part, watermark] of reader.list(() => reader.number()).entries()) this.watermarks[part] = watermark;
  }
}
