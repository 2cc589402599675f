/** Trades as JSON of 200 bytes, in record batches as a topic holds them. Event time moves 1 ms a trade. */
import { codecs } from '../../src/app/codecs.ts';
import { BatchBuffer } from '../../src/record/batch-buffer.ts';
import { encodeBatch } from '../../src/record/encode.ts';
import { noHeaders, type ProduceRecord } from '../../src/record/record.ts';

export const groups = 1000;
export const firstTimeMs = 1_700_000_000_000;

/** Each symbol trades twice in a row; all have had their turn after two rounds of `groups`. */
export function symbolOf(index: number): string {
  return `SYM${(Math.floor(index / 2) * 7919) % groups}USDT`;
}

export function priceOf(index: number): number {
  return Number((100 + (index % 977) / 10).toFixed(2));
}

export function quantityOf(index: number): number {
  return (index % 10) + 0.5;
}

export function tradeOf(index: number, firstMs: number = firstTimeMs): Buffer {
  const time = firstMs + index;
  const price = (100 + (index % 977) / 10).toFixed(2);
  const text = `{"e":"trade","E":${time},"s":"${symbolOf(index)}","t":${index},"p":"${price}","q":"${quantityOf(index)}","T":${time},"m":${index % 2 === 0},"M":true,"pad":"`;
  return Buffer.from(`${text}${'x'.repeat(Math.max(0, 198 - text.length))}"}`);
}

export function recordOf(index: number): ProduceRecord {
  return { key: null, value: tradeOf(index), headers: noHeaders, timestampMs: firstTimeMs + index };
}

/** One record batch of trades `from`, `from + step`, … below `to`. */
export function tradeBatch(from: number, to: number, step: number): Buffer {
  const records: ProduceRecord[] = [];
  for (let index = from; index < to; index += step) records.push(recordOf(index));
  const buffer = new BatchBuffer(1 << 18);
  encodeBatch(records, 0, buffer, { codecs, maxBytes: 1 << 20, nowMs: firstTimeMs });
  return Buffer.from(buffer.view());
}
