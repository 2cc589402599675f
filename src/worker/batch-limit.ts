/** Sends that fit: a record that no batch can hold is found here, before it could hold up its neighbours. */
import { isError, TributaryError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import { batchBytesOf } from '../record/encode.ts';
import type { ProduceRecord } from '../record/record.ts';

/** The topic's own bound of a batch, where it has one and we may see it. */
export async function batchLimitOf(broker: Broker, topic: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { config } = await broker.describeTopic(topic, { signal });
    const limit = Number(config['max.message.bytes'] ?? Number.NaN);
    return Number.isFinite(limit) ? limit : undefined;
  } catch (error) {
    if (isError(error, 'AUTHORIZATION_FAILED')) return undefined; // writing needs less than describing
    throw error;
  }
}

/** The records that a batch of `limit` bytes can hold, the same list where all can; the others are given to `onTooLarge`. */
export function withoutOversize(
  topic: string,
  records: ProduceRecord[],
  limit: number,
  onTooLarge: (error: TributaryError) => void,
): ProduceRecord[] {
  const suspicious = limit - 1024; // nothing smaller without headers can be too large
  let oversize = false;
  for (const { value, key, headers } of records) {
    if ((value?.length ?? 0) + (key?.length ?? 0) > suspicious || headers.length > 0) {
      oversize = true;
      break;
    }
  }
  if (!oversize) return records;
  return records.filter((record) => {
    const size = batchBytesOf(record);
    if (size <= limit) return true;
    onTooLarge(
      new TributaryError(
        'RECORD_TOO_LARGE',
        `Cannot store a record of ${size} bytes in topic "${topic}": must be at most ${limit}`,
      ),
    );
    return false;
  });
}

/** The records in parts of at most `limit` bytes; each record alone fits. */
export function cut(records: readonly ProduceRecord[], limit: number): ProduceRecord[][] {
  const parts: ProduceRecord[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const record of records) {
    const bytes = batchBytesOf(record); // counts a batch header for each: too much rather than too little
    if (size + bytes > limit) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push(record);
    size += bytes;
  }
  return parts;
}
