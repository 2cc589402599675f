/** A worker with its REST interface in this process, in a group whose side the test plays. */
import { sendToPeer } from '../../src/app/peers.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Broker, GroupMember, GroupOptions } from '../../src/broker/broker.ts';
import type { Connector } from '../../src/connectors/contract.ts';
import type { TopicPartition } from '../../src/record/record.ts';
import { buildRestServer } from '../../src/rest/server.ts';
import { type LogEntry, recordingLog } from '../../src/telemetry/log.ts';
import { Loggers, type LogThreshold } from '../../src/telemetry/loggers.ts';
import { MetricRegistry } from '../../src/telemetry/metrics.ts';
import { startWorker, type Worker } from '../../src/worker/worker.ts';
import { freePorts } from './free-ports.ts';

export interface PlayedWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly address: string;
  readonly log: readonly LogEntry[];
  ask(request: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  /** The group gives these partitions of the work, and is heard. */
  give(partitions: readonly number[]): void;
  /** It takes them away; `lost`: they are others' already. Resolves when their work has ended. */
  take(partitions: readonly number[], how: 'revoked' | 'lost'): Promise<void>;
  /** The group has answered just now. */
  heard(): void;
}

export interface PlayedWorkerOptions {
  readonly broker: Broker;
  readonly connectors: readonly Connector[];
  /** Of the assignment topic. */
  readonly partitions: number;
  /** Those it has from the start. */
  readonly owned: readonly number[];
}

const topic = 'work';
const sessionTimeoutMs = 60_000;

export async function startPlayedWorker(options: PlayedWorkerOptions): Promise<PlayedWorker> {
  const { broker, connectors, partitions, owned } = options;
  const [port] = await freePorts(1);
  const address = `127.0.0.1:${port!}`;
  const log: LogEntry[] = [];
  const registry = new MetricRegistry();
  const loggers = new Loggers('INFO', systemClock.nowMs);
  let asked!: GroupOptions;
  let assignment: TopicPartition[] = [];
  let heardAtMs = systemClock.monotonicMs();
  const of = (numbers: readonly number[]): TopicPartition[] => numbers.map((partition) => ({ topic, partition }));
  const heard = (): void => {
    heardAtMs = systemClock.monotonicMs();
  };
  const give = (numbers: readonly number[]): void => {
    heard();
    assignment.push(...of(numbers));
    asked.onAssigned?.(of(numbers));
  };
  const group = async (groupOptions: GroupOptions): Promise<GroupMember> => {
    asked = groupOptions;
    give(owned);
    return {
      get assignment() {
        return assignment;
      },
      get ownsUntilMs() {
        return heardAtMs + sessionTimeoutMs;
      },
      shareAnew() {},
      expectSharing() {},
      async close() {},
    } as unknown as GroupMember;
  };
  const worker = await startWorker({
    broker: shared(broker, group),
    connectors,
    workerId: address,
    isFenced: true,
    share: {
      groupId: 'g',
      topic,
      partitions,
      sessionTimeoutMs,
      heartbeatMs: 300,
      url: `http://${address}`,
      host: 'here',
    },
    onLoggerLevel: (logger, level) => loggers.set(logger, level as LogThreshold),
    log: recordingLog(log),
    metrics: registry.root(),
    clock: systemClock,
    random: () => 0.5,
  });
  const forwarding = { send: sendToPeer([], ''), workerId: address };
  const rest = { worker, registry, version: '0.1.0', maskSecrets: false, loggers, forwarding, log: recordingLog(log) };
  const server = buildRestServer(rest);
  await server.listen({ host: '127.0.0.1', port: port! });
  return {
    worker,
    address,
    log,
    heard,
    give,
    async take(numbers, how) {
      assignment = assignment.filter(({ partition }) => !numbers.includes(partition));
      await asked.onRevoked?.(of(numbers), how);
    },
    async ask(request, body) {
      const [method = '', path = ''] = request.split(' ');
      const answer = await fetch(`http://${address}${path}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await worker.close();
    },
  };
}

/** As workers of other processes see it, who may write there, too. */
function shared(broker: Broker, group: Broker['group']): Broker {
  const own: Readonly<Record<PropertyKey, unknown>> = { group, kind: 'kafka' };
  return new Proxy(broker, {
    get(all, key) {
      const value = key in own ? own[key] : Reflect.get(all, key, all);
      return typeof value === 'function' && !(key in own) ? value.bind(all) : value;
    },
  });
}
