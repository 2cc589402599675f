/** A source's task with a spool in a folder, and a broker in memory in Kafka's place. */
import { codecs } from '../../src/app/codecs.ts';
import { systemClock } from '../../src/base/clock.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import type { RawConfig } from '../../src/config/raw.ts';
import { errorPolicyOf } from '../../src/worker/error-policy.ts';
import { type OffsetTable, offsetTable } from '../../src/worker/offset-table.ts';
import { startSourceTask } from '../../src/worker/source-task.ts';
import { Spool, type SpoolOptions } from '../../src/worker/spool/spool.ts';
import { spoolSettingsOf } from '../../src/worker/spool/spool-options.ts';
import type { SpooledTask } from '../../src/worker/spool/spooled-task.ts';
import { openTable } from '../../src/worker/table.ts';
import type { MemoryBroker } from './memory-broker.ts';
import { type ScriptedRun, scriptedSource } from './scripted-source.ts';
import { sourceTaskOptions } from './source-task.ts';

export interface SpoolRun extends AsyncDisposable {
  readonly source: ScriptedRun;
  readonly spool: Spool;
  readonly spooled: SpooledTask;
  /** Of the connector, in Kafka's place. */
  readonly offsets: OffsetTable;
  readonly ended: Promise<boolean>;
  readonly detail: () => string | undefined;
  counter(name: string): number;
  stop(): Promise<boolean>;
}

/** The name of the connector is `c`. Disposing ends the task as a stop does, and closes the spool. */
export async function startSpoolRun(
  directory: string,
  kafka: MemoryBroker,
  config: RawConfig,
  connector = scriptedSource(),
  parts: Partial<SpoolOptions> = {},
): Promise<SpoolRun> {
  const full = { topic: 't', 'spool.mode': 'at-least-once', ...config };
  let detail: string | undefined;
  const { options, entries, counter } = await sourceTaskOptions(kafka, connector, 'offsets', {
    config: full,
    errors: errorPolicyOf(full),
    gracefulStopMs: 500,
    setStatus: (text) => {
      detail = text;
    },
  });
  const { log, metrics } = options;
  const broker = await openEmbeddedBroker({ directory, codecs });
  const table = await openTable({ broker: kafka, topic: 'worker-offsets', partitions: 1, log });
  const spool = await Spool.open({
    ...{ broker, kafka, log, metrics, clock: systemClock, random: Math.random, groupId: 'g', producer: {} },
    offsets: offsetTable(table),
    topicCreation: { autoCreate: true, partitions: 1 },
    redact: (text) => text,
    mayWrite: () => true,
    ...parts,
  });
  const spooled = await spool.task('c', 0, full, options.offsets);
  const task = startSourceTask({
    ...options,
    spool: { settings: spoolSettingsOf(full)!, open: async () => spooled },
  });
  task.ended.catch(() => {}); // whoever waits for it is told
  while (connector.runs.length === 0 && !entries.some(({ event }) => event === 'task_stopped'))
    await new Promise((next) => setImmediate(next));
  const stop = (): Promise<boolean> => {
    task.stop();
    return task.ended;
  };
  return {
    source: connector.runs[0]!,
    ...{ spool, spooled, offsets: options.offsets, ended: task.ended, detail: () => detail, counter, stop },
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {});
      await spool.close();
      await broker.close();
      await table.close();
    },
  };
}
