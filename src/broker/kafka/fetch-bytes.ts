import { readBatchHeaders } from '../../record/batch-header.ts';
import { layout, lengthFieldEnd } from '../../record/layout.ts';

/** Up to such a share of an answer it does not matter that its last batch was cut. */
const smallShare = 1 / 16;
/** Batches of one producer differ by a little: where several are asked for, by so much more. */
const slack = 1 + smallShare;

/**
 * How many bytes the next fetch shall ask for, `limit` at most, where this one asked for `asked`. A broker cuts an answer at its bound,
 * and what has come of the last batch is thrown away: of batches nearly as large as the bound that was a sixth of all that was sent.
 * So once much was cut, as many batches are asked for as fit whole. A batch larger than what was asked for comes whole nevertheless,
 * where it is the first one (KIP-74).
 */
export function nextFetchBytes(records: Buffer, asked: number, limit: number): number {
  let whole = 0;
  for (const { end } of readBatchHeaders(records)) whole = end;
  const cut = records.length - whole;
  if (cut < lengthFieldEnd || cut <= records.length * smallShare) return asked;
  const bytes = lengthFieldEnd + records.readInt32BE(whole + layout.length);
  const fitting = Math.floor(limit / (bytes * slack));
  return fitting <= 1 ? Math.min(bytes, limit) : Math.floor(fitting * bytes * slack);
}
