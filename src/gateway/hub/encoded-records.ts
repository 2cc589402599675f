/**
 * The records of a chunk in one output form, as one run of bytes: made once, and each frame of each subscriber takes a part of
 * it as it is. Nothing is copied or looked at for a record of a subscriber.
 */

export interface EncodedRecords {
  readonly bytes: Buffer;
  /** Where each record begins, and behind the last one. */
  readonly starts: Uint32Array;
}

/** Each record's text as UTF-8, one behind the other. */
export function encodeTexts(count: number, textOf: (index: number) => string): EncodedRecords {
  const texts: string[] = [];
  let total = 0;
  for (let at = 0; at < count; at++) {
    const text = textOf(at);
    texts.push(text);
    total += Buffer.byteLength(text);
  }
  const bytes = Buffer.allocUnsafeSlow(total);
  const starts = new Uint32Array(count + 1);
  let end = 0;
  for (let at = 0; at < count; at++) {
    end += bytes.write(texts[at]!, end);
    starts[at + 1] = end;
  }
  return { bytes, starts };
}
