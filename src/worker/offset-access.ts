/** Offsets of a connector as people ask for them: read at any time, changed while it is stopped. */
import { sleep } from '../base/abort.ts';
import { describeError, TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/raw.ts';
import type { Connector } from '../connectors/contract.ts';
import { connectorProducer } from './client-overrides.ts';
import type { ConfigTable } from './config-table.ts';
import { openConnectorOffsets } from './connector-offsets.ts';
import { type ConnectorRunner, ownOffsetsTopic } from './connector-runner.ts';
import { groupOf, type OffsetChangeTarget } from './offset-changes.ts';
import type { OffsetTable, SourceOffset } from './offset-table.ts';
import { findConnector } from './plugins.ts';
import type { StatusWriter } from './status-writer.ts';
import { defaultTables, type WorkerOptions } from './worker-options.ts';

export interface OffsetAccess {
  readonly options: WorkerOptions;
  readonly configs: ConfigTable;
  readonly offsets: OffsetTable;
  readonly statuses: StatusWriter;
  readonly runner: (name: string) => ConnectorRunner | undefined;
  readonly ownsConnector: (name: string) => boolean;
}

export async function offsetsOf(
  access: OffsetAccess,
  name: string,
  config: RawConfig,
): Promise<readonly SourceOffset[]> {
  const { options } = access;
  const connector = classOf(access, config);
  if (connector?.kind === 'sink') {
    const committed = await options.broker.committedOffsets(groupOf(name));
    return committed.map(({ topic, partition, offset }) => ({
      partition: { kafka_topic: topic, kafka_partition: partition },
      offset: { kafka_offset: offset },
    }));
  }
  return withOffsets(access, name, config, connector, async (offsets) => offsets.all(name));
}

/** Runs `work` while no task of the connector runs anywhere. USAGE unless it is stopped; CONFLICT while tasks are ending. */
export async function whileStopped<T>(
  access: OffsetAccess,
  name: string,
  config: RawConfig,
  work: (target: OffsetChangeTarget) => Promise<T>,
): Promise<T> {
  const { options, configs } = access;
  if (configs.targetState(name) !== 'STOPPED') {
    throw new TributaryError(
      'USAGE',
      'Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the ' +
        `specified connector by issuing a 'PUT' request to the '/connectors/${name}/stop' endpoint`,
    );
  }
  await othersEnded(access, name);
  const connector = findConnector(options.connectors, config['connector.class'] ?? '');
  const resolved = options.resolve?.(config, 'keep') ?? config;
  requireProducer(resolved);
  return withOffsets(access, name, config, connector, (offsets) =>
    work({ name, connector, config: resolved, offsets, broker: options.broker }),
  );
}

/** A table of the connector's own is open where it runs; elsewhere it is read for the occasion. */
async function withOffsets<T>(
  { options, offsets, runner, ownsConnector }: OffsetAccess,
  name: string,
  config: RawConfig,
  connector: Connector | undefined,
  work: (offsets: OffsetTable) => Promise<T>,
): Promise<T> {
  const topic = connector === undefined ? undefined : ownOffsetsTopic(connector, config, options);
  if (ownsConnector(name) || topic === undefined) return work(runner(name)?.offsets ?? offsets);
  const workers = (options.tables ?? defaultTables).offset;
  const own = await openConnectorOffsets(options.broker, { ...workers, topic }, offsets, options.log);
  try {
    return await work(own);
  } finally {
    await own.close();
  }
}

/** Tasks on other workers take their statuses with them when they have ended after a stop. */
async function othersEnded({ statuses, options }: OffsetAccess, name: string): Promise<void> {
  const { workerId, clock } = options;
  const deadlineMs = clock.monotonicMs() + patienceMs;
  const isLeft = (task: number): boolean => {
    const told = statuses.task(name, task);
    return told !== undefined && told.workerId !== workerId && told.state !== 'FAILED';
  };
  while (statuses.tasks(name).some(isLeft)) {
    if (clock.monotonicMs() > deadlineMs) {
      throw new TributaryError(
        'CONFLICT',
        `Cannot change the offsets of connector "${name}" yet: tasks on other workers have not ended. Try again later`,
      );
    }
    await sleep(lookAgainMs);
  }
}

const patienceMs = 10_000;
const lookAgainMs = 50;

/** Kafka Connect makes a producer with the connector's overrides to write its offsets, and fails where that cannot be made. */
function requireProducer(config: RawConfig): void {
  try {
    connectorProducer(config);
  } catch (error) {
    throw new TributaryError('INTERNAL', `Failed to perform offset change: ${describeError(error)}`, { cause: error });
  }
}

function classOf({ options }: OffsetAccess, config: RawConfig): Connector | undefined {
  try {
    return findConnector(options.connectors, config['connector.class'] ?? '');
  } catch {
    return undefined; // a class that is gone: its offsets are still there
  }
}
