/** `GET /v1/topics/{topic}/records`: a bounded read with long poll (PROTOCOL.md, section 7). */
import { sleep } from '../../base/abort.ts';
import { gapObject } from '../../wire/gateway/server-frames.ts';
import { integerOf, readStreamQuery } from '../../wire/gateway/stream-query.ts';
import { countDelivered } from '../count-delivered.ts';
import { FaultError } from '../faults.ts';
import { openShared } from '../open-delivery.ts';
import type { RequestContext } from './http-context.ts';
import { sendJson } from './respond.ts';

const maxBytes = 16 * 1_048_576;
/** What is on the log is waited for even with `waitMs=0`, but not for ever. */
const maxReadMs = 30_000;

export async function readRecords(context: RequestContext): Promise<void> {
  const { parts, rights, response, topic, query, open: held } = context;
  const limit = integerOf(query, 'limit', 1, 1000, 100);
  const waitMs = integerOf(query, 'waitMs', 0, 30_000, 0);
  const only = integerOf(query, 'partition', 0, 0x7fff_ffff, -1);
  const request = readStreamQuery(
    withoutTopics(query),
    undefined,
    { topics: [topic], from: 'earliest', id: 'pos', envelope: 'record' },
    1,
  );
  const { hub, clock } = parts.delivery;
  let wake = (): void => {};
  let failure: unknown;
  const open = await openShared(
    { ...request, group: null, slow: 'wait', partition: only === -1 ? null : only },
    rights,
    parts.delivery,
    {
      onReady: () => wake(),
      onPartitions: () => {},
      onFailed: (fault) => {
        failure = new FaultError(fault);
        wake();
      },
    },
  );
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  let bytes = 0;
  try {
    const ends = await Promise.all(
      Array.from({ length: open.partitions[topic] ?? 0 }, (_, partition) => hub.border(topic, partition, 'latest')),
    );
    const startedMs = clock.monotonicMs();
    const records: string[] = [];
    const gaps: string[] = [];
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const taken = open.delivery.take(limit - records.length, maxBytes - bytes);
      if (taken !== undefined) {
        for (const item of taken.items) {
          if (item.kind === 'gap') gaps.push(gapObject(item.gap));
          else records.push(...item.chunk.texts(request.format).slice(item.start, item.end));
        }
        bytes += taken.bytes;
        held.heldBytes += taken.bytes;
        countDelivered(taken, 'http', parts.metrics, clock.monotonicMs());
        if (records.length < limit && bytes < maxBytes) continue;
      }
      if (failure !== undefined) throw failure;
      if (gone.signal.aborted) return;
      const isAtEnd = open.delivery.hasReached(topic, ends);
      const passedMs = clock.monotonicMs() - startedMs;
      const allowedMs = isAtEnd ? waitMs : Math.max(waitMs, maxReadMs);
      if (records.length >= limit || bytes >= maxBytes || (records.length > 0 && isAtEnd) || passedMs >= allowedMs)
        break;
      const over = new AbortController();
      await Promise.race([woken, sleep(allowedMs - passedMs, AbortSignal.any([over.signal, gone.signal, held.hurry]))]);
      over.abort();
      if (held.hurry.aborted) break;
    }
    const pos = open.delivery.position();
    sendJson(response, 200, `{"records":[${records.join(',')}],"pos":"${pos}","gaps":[${gaps.join(',')}]}`);
  } finally {
    await open.close();
  }
}

/** The topic is in the path; what the query names besides is not read. */
function withoutTopics(query: URLSearchParams): URLSearchParams {
  const rest = new URLSearchParams(query);
  for (const name of ['topic', 'topics', 'pattern']) rest.delete(name);
  return rest;
}
