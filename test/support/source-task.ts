/** A source's task without a worker, on any broker. */
import { systemClock } from '../../src/base/clock.ts';
import type { Broker } from '../../src/broker/broker.ts';
import type { SourceConnector } from '../../src/connectors/contract.ts';
import { unrestricted } from '../../src/net/outbound-policy.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { converterNames, selectConverters } from '../../src/worker/converter-selection.ts';
import { errorPolicyOf } from '../../src/worker/error-policy.ts';
import { offsetTable } from '../../src/worker/offset-table.ts';
import type { SourceTaskOptions } from '../../src/worker/source-task.ts';
import { openTable } from '../../src/worker/table.ts';
import { anywhere } from './converter-context.ts';

/** Options of a task with its own table of offsets, the log it wrote and its counters. */
export async function sourceTaskOptions(
  broker: Broker,
  connector: SourceConnector,
  offsetsTopic: string,
  change: Partial<SourceTaskOptions> = {},
) {
  const entries: LogEntry[] = [];
  const log = recordingLog(entries);
  const table = await openTable({ broker, topic: offsetsTopic, partitions: 1, log });
  const registry = new MetricRegistry();
  const options: SourceTaskOptions = {
    connector,
    name: 'c',
    task: 0,
    config: { topic: 't' },
    broker,
    producer: {},
    transforms: undefined,
    converters: selectConverters({}, {}, anywhere),
    converterNames: converterNames({}, {}),
    offsets: offsetTable(table),
    ensureTopic: async () => {},
    ensureDeadLetters: async () => {},
    redact: (text) => text,
    errors: errorPolicyOf({}),
    offsetFlushIntervalMs: 60_000,
    offsetFlushTimeoutMs: 5_000,
    gracefulStopMs: 5_000,
    previousEndUnclean: false,
    metrics: registry.root(),
    log,
    clock: systemClock,
    random: Math.random,
    setStatus: () => {},
    outbound: unrestricted,
    ...change,
  };
  const counter = (name: string): number => {
    const family = registry.families.get(name);
    if (family?.kind !== 'counter') return 0;
    return [...family.series.values()].reduce((sum, { counter: { value } }) => sum + value, 0);
  };
  return { options, table, entries, counter };
}
