/** Sends that fit what a topic takes as one batch. */
import { isError } from '../base/errors.ts';
import type { Broker } from '../broker/broker.ts';
import { batchBytesOf } from '../record/encode.ts';
import type { ProduceRecord } from '../record/record.ts';

/** The topic's own bound of a batch, where it has one and we may see it. */
export async function batchLimitOf(
  broker: Pick<Broker, 'describeTopic'>,
  topic: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const { config } = await broker.describeTopic(topic, { signal });
    const limit = Number(config['max.message.bytes'] ?? Number.NaN);
    return Number.isFinite(limit) ? limit : undefined;
  } catch (error) {
    if (isError(error, 'AUTHORIZATION_FAILED')) return undefined; // writing needs less than describing
    throw error;
  }
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
