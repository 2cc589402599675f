import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import { PartialWriteError } from '../../base/partial-write.ts';
import { define } from '../../config/config-def.ts';
import type { SinkConnector } from '../../connectors/contract.ts';
import { unrestricted } from '../../net/outbound-policy.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { check } from '../check/check.ts';
import { connectorDestination, Sink } from './sinks.ts';

interface Lost {
  readonly values: readonly unknown[];
  readonly attempts: number;
}

/**
 * What becomes of rows 0 to 9 where the connector rejects some, and each of its writes fails behind so many records that it
 * still took.
 */
async function write(
  rejects: ReadonlySet<number>,
  taken: readonly number[],
  options = '',
): Promise<{ readonly written: number[]; readonly lost: readonly Lost[] }> {
  const written: number[] = [];
  const lost: Lost[] = [];
  let tries = 0;
  const connector: SinkConnector = {
    kind: 'sink',
    name: 'half',
    classNames: ['Half'],
    version: '1',
    config: define({}),
    tasks: (raw) => [raw],
    open: async (_, { reject }) => ({
      async write(records) {
        const most = taken[tries++] ?? records.length;
        for (const [place, record] of records.entries()) {
          const { a } = JSON.parse(Buffer.from(record.value!).toString()) as { a: number };
          if (rejects.has(a)) await reject(record, new TributaryError('RECORD_TOO_LARGE', 'too long'));
          else if (place < most) written.push(a);
        }
        if (most < records.length) throw new PartialWriteError(new TributaryError('CONNECTION_FAILED', 'cut'), most);
      },
      async close() {},
    }),
  };
  const { streams } = check(
    `CREATE STREAM Out (a LONG) WITH (type = 'sink', extension = 'websocket', format = 'json', "websocket.url" = 'ws://x'${options});`,
    { now: () => 0, random: () => 0 },
  );
  const stream = streams.get('Out')!;
  const { signal } = new AbortController();
  const context = {
    connector: 'Out',
    task: 0,
    clock: systemClock,
    random: () => 0,
    log: silentLog,
    metrics: new MetricRegistry().root(),
    outbound: unrestricted,
    signal,
    setStatus() {},
  };
  const keep = ({ rows, attempts }: { rows: readonly { values: readonly unknown[] }[]; attempts: number }): void => {
    if (rows.length > 0) lost.push({ values: rows.map(({ values }) => Number(values[0])), attempts });
  };
  const destination = await connectorDestination(connector, {}, context, keep);
  const sink = new Sink({ stream, destination, lost: keep, signal });
  for (let a = 0n; a < 10n; a++) sink.push({ values: [a], timestamp: 0 });
  await sink.close();
  return { written, lost };
}

test('rows that were rejected or delivered before a write failed are not lost with it', async () => {
  deepEqual(await write(new Set([1, 7]), [4]), {
    written: [0, 2, 3],
    lost: [
      { values: [1], attempts: 1 },
      { values: [7], attempts: 1 },
      { values: [4, 5, 6, 8, 9], attempts: 1 },
    ],
  });
});

test('what is tried again is what is left: nothing is delivered or rejected twice', async () => {
  const retry = ", error.strategy = 'retry', \"error.retry.initial-delay\" = '1ms', \"error.retry.max-attempts\" = '3'";
  deepEqual(await write(new Set([1, 7]), [4, 2], retry), {
    written: [0, 2, 3, 4, 5, 6, 8, 9],
    lost: [
      { values: [1], attempts: 1 },
      { values: [7], attempts: 1 },
    ],
  });
  deepEqual(await write(new Set(), [4, 2, 1], retry), {
    written: [0, 1, 2, 3, 4, 5, 6],
    lost: [{ values: [7, 8, 9], attempts: 3 }],
  });
});
