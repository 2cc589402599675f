/** Averages by symbol and window as topics hold them, and whether they are what must come out of the trades. */
import type { Broker } from '../../src/broker/broker.ts';
import { priceOf, quantityOf, symbolOf } from '../support/trades.ts';

/** Event time moves 1 ms a trade, so it is also how many trades a window holds. */
export const windowMs = 60_000;

/** A window that only its own trades have reached stays open, so there are two at least. */
export function wholeWindows(count: number): number {
  return Math.max(2, Math.ceil(count / windowMs)) * windowMs;
}

/** Windows whose end a trade has reached. */
export function closedWindows(count: number): number {
  return Math.floor((count - 1) / windowMs);
}

interface Expected {
  volume: number;
  quantity: number;
  count: number;
}

export interface WindowRow {
  readonly symbol: string;
  readonly start: number;
  readonly vwap: number;
  readonly n: number;
}

export async function* windowRows(broker: Broker, topic: string): AsyncGenerator<WindowRow> {
  for await (const { records } of broker.read({ topic, partition: 0, from: 'earliest', until: 'end' }))
    for (const { value } of records) yield JSON.parse(Buffer.from(value!).toString());
}

/** Rows that are missing, or say something else, are lost; those that are there twice are doubled. */
export async function lossesAmong(
  rows: AsyncIterable<WindowRow>,
  count: number,
  firstMs: number,
): Promise<{ readonly lost: number; readonly doubled: number }> {
  const expected = expectedOf(count, firstMs);
  const total = expected.size;
  let found = 0;
  let doubled = 0;
  for await (const { symbol, start, vwap, n } of rows) {
    const key = `${symbol} ${start}`;
    const one = expected.get(key);
    if (one === undefined) doubled++;
    else if (n === one.count && Math.abs(vwap - one.volume / one.quantity) < 1e-9 * vwap) found++;
    expected.delete(key);
  }
  return { lost: total - found, doubled };
}

function expectedOf(count: number, firstMs: number): Map<string, Expected> {
  const expected = new Map<string, Expected>();
  for (let index = 0; index < closedWindows(count) * windowMs; index++) {
    const key = `${symbolOf(index)} ${firstMs + Math.floor(index / windowMs) * windowMs}`;
    let one = expected.get(key);
    if (one === undefined) {
      one = { volume: 0, quantity: 0, count: 0 };
      expected.set(key, one);
    }
    one.volume += priceOf(index) * quantityOf(index);
    one.quantity += quantityOf(index);
    one.count++;
  }
  return expected;
}
