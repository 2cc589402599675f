import { Buffer } from 'node:buffer';
import { noHeaders } from '../../record/record.ts';
import type { ExchangeNode } from '../plan/parts/exchange-node.ts';
import type { OutputTransaction } from './output-transaction.ts';
import { BlockWriter } from './repartition-topic.ts';

/** Larger blocks cost no less a row; smaller ones do. */
const blockBytes = 64 * 1024;

export interface ExchangeWriterParts {
  readonly node: ExchangeNode;
  readonly topic: string;
  readonly part: number;
  readonly parts: number;
  readonly fingerprint: string;
  readonly output: OutputTransaction;
  /** A block can never be stored: its rows are lost to the other part. */
  readonly fail: (error: unknown) => void;
}

/** Rows of one part on their way to the others, in the transaction of the next checkpoint. */
export class ExchangeWriter {
  private readonly own: ExchangeWriterParts;
  private readonly blocks: (BlockWriter | undefined)[];
  /** What each part has been told of the time here. */
  private readonly told: number[];
  rows = 0;

  constructor(own: ExchangeWriterParts) {
    this.own = own;
    this.blocks = new Array<BlockWriter | undefined>(own.parts).fill(undefined);
    this.told = new Array<number>(own.parts).fill(Number.NEGATIVE_INFINITY);
    own.node.send = (part, row, time) => {
      const block = this.blockFor(part);
      block.row(row, time);
      this.told[part] = time;
      this.rows++;
      if (block.bytes >= blockBytes) this.cut(part);
    };
  }

  /** Something about the time here is not known everywhere. */
  get hasNews(): boolean {
    const { announced } = this.own.node;
    for (let part = 0; part < this.told.length; part++) if (this.told[part] !== announced) return true;
    return false;
  }

  announce(): void {
    const { announced } = this.own.node;
    for (let part = 0; part < this.told.length; part++) {
      if (this.told[part] === announced) continue;
      this.blockFor(part).tell(announced);
      this.told[part] = announced;
    }
  }

  flush(): void {
    for (let part = 0; part < this.blocks.length; part++) if (this.blocks[part] !== undefined) this.cut(part);
  }

  private blockFor(part: number): BlockWriter {
    const { fingerprint, part: from, node } = this.own;
    const open = this.blocks[part] ?? new BlockWriter(fingerprint, from, node.columns);
    this.blocks[part] = open;
    return open;
  }

  private cut(part: number): void {
    const { topic, output, fail } = this.own;
    const value = Buffer.from(this.blocks[part]!.take());
    this.blocks[part] = undefined;
    const records = [{ key: null, value, headers: noHeaders, timestampMs: null }];
    output.add({ topic, partition: part, records, refused: (_record, error) => fail(error) });
  }
}
