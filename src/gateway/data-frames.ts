/** What a subscription took, as frames of the native protocol in either form. */
import { type BinaryGroup, binaryDataFrame } from '../wire/gateway/binary-frames.ts';
import type { ValueFormat } from '../wire/gateway/frames.ts';
import { dataFrame, gapFrame } from '../wire/gateway/server-frames.ts';
import type { Piece, Taken } from './delivery.ts';

export interface FrameForm {
  readonly id: number;
  readonly format: ValueFormat;
  readonly isBinary: boolean;
  /** Number of the next data frame, which holds so many records. */
  nextSeq(records: number): number;
}

/** `pos` stands behind everything taken, so the last data frame has it; one that a gap follows goes without. */
export function* framesOf(taken: Taken, pos: string, form: FrameForm): Generator<string | Buffer> {
  let run: Piece[] = [];
  let conflated = taken.conflated;
  const frame = (withPos: boolean): string | Buffer => {
    const records = run.reduce((sum, { start, end }) => sum + end - start, 0);
    const seq = form.nextSeq(records);
    const made = form.isBinary
      ? binaryDataFrame(form.id, seq, run.map(groupOf), withPos ? pos : null, conflated)
      : dataFrame(form.id, seq, textsOf(run, form.format), withPos ? pos : null, conflated);
    run = [];
    conflated = 0;
    return made;
  };
  for (const item of taken.items) {
    if (item.kind === 'records') run.push(item);
    else {
      if (run.length > 0) yield frame(false);
      yield gapFrame(form.id, item.gap);
    }
  }
  if (run.length > 0) yield frame(true);
}

function textsOf(run: readonly Piece[], format: ValueFormat): readonly string[] {
  const [only] = run;
  if (run.length === 1 && only!.start === 0 && only!.end === only!.chunk.records.length)
    return only!.chunk.texts(format);
  return run.flatMap(({ chunk, start, end }) => chunk.texts(format).slice(start, end));
}

function groupOf({ chunk, start, end }: Piece): BinaryGroup {
  return { topic: chunk.topic, partition: chunk.partition, records: chunk.records.slice(start, end) };
}
