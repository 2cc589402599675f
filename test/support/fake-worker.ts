/** A worker that only remembers, for tests of the REST interface. */
import { TributaryError } from '../../src/base/errors.ts';
import { configInfos } from '../../src/config/config-infos.ts';
import type { RawConfig, RawConfigWithNulls } from '../../src/config/raw.ts';
import type {
  ConnectorStatus,
  ConnectorView,
  Leader,
  OffsetView,
  PartStatus,
  PluginView,
  RestWorker,
  TaskStatus,
  WorkerHealth,
} from '../../src/rest/rest-worker.ts';

export interface FakeWorker extends RestWorker {
  /** What was asked for, in order: `pause a`, `restart a includeTasks`. */
  readonly calls: string[];
  readonly configs: Map<string, RawConfigWithNulls>;
  readonly states: Map<string, Omit<TaskStatus, 'task'>>;
  readonly storedOffsets: Map<string, readonly OffsetView[]>;
  readonly writtenTopics: Map<string, readonly string[]>;
  healthNow: WorkerHealth;
  leaderNow: Leader;
  /** Thrown by each validation while it is set. */
  validationFailure: Error | undefined;
  /** Thrown by the next call that changes something. */
  failure: Error | undefined;
}

const fakePlugins: readonly PluginView[] = [
  {
    className: 'a.b.FakeSourceConnector',
    kind: 'source',
    version: '1.0.0',
    names: ['a.b.FakeSourceConnector', 'fake'],
  },
  { className: 'a.b.Fake$Value', kind: 'transformation', version: '4.1.0', names: ['a.b.Fake$Value'] },
];

export function fakeWorker(configs: Readonly<Record<string, RawConfig>> = {}): FakeWorker {
  const running: PartStatus = { state: 'RUNNING', workerId: '127.0.0.1:8083', version: '1.0.0', trace: null };

  const act = async (call: string): Promise<void> => {
    const { failure } = worker;
    worker.failure = undefined;
    if (failure !== undefined) throw failure;
    worker.calls.push(call);
  };
  const statusOf = (name: string): ConnectorStatus => {
    const task = worker.states.get(name) ?? running;
    return { name, type: 'source', connector: running, tasks: [{ task: 0, ...task }] };
  };

  const worker: FakeWorker = {
    calls: [],
    configs: new Map(Object.entries(configs).map(([name, config]) => [name, { ...config, name }])),
    states: new Map(),
    storedOffsets: new Map(),
    writtenTopics: new Map(),
    healthNow: { state: 'healthy' },
    leaderNow: { kind: 'self' },
    validationFailure: undefined,
    failure: undefined,

    clusterId: async () => 'cluster-1',
    health: () => worker.healthNow,
    leader: () => worker.leaderNow,
    caughtUp: () => act('caught up'),
    setClusterLogLevel: (logger, level) => act(`level ${logger} ${level}`),
    connectorNames: () => [...worker.configs.keys()].sort(),
    connector(name): ConnectorView | undefined {
      const config = worker.configs.get(name);
      if (config === undefined) return undefined;
      return { name, type: 'source', config, tasks: [{ ...config, 'task.class': 'FakeTask' }] };
    },
    status: (name) => (worker.configs.has(name) ? statusOf(name) : undefined),
    offsets: async (name) => worker.storedOffsets.get(name) ?? [],
    secretKeys: () => new Set(['token']),
    topics: (name) => worker.writtenTopics.get(name) ?? [],
    async resetTopics(name) {
      await act(`reset topics ${name}`);
      worker.writtenTopics.delete(name);
    },
    plugins: () => fakePlugins,
    pluginConfig: (name) => (fakePlugins.some(({ names }) => names.includes(name)) ? [] : undefined),
    validate(config) {
      if (worker.validationFailure !== undefined) throw worker.validationFailure;
      return configInfos(config['connector.class'] ?? '', []);
    },
    async create(name, config, initialState) {
      await act(`create ${name} ${initialState}`);
      if (worker.configs.has(name)) throw new TributaryError('ALREADY_EXISTS', `Connector ${name} already exists`);
      worker.configs.set(name, config);
    },
    async put(name, config) {
      await act(`put ${name}`);
      const outcome = worker.configs.has(name) ? 'updated' : 'created';
      worker.configs.set(name, config);
      return outcome;
    },
    async patch(name, change) {
      await act(`patch ${name}`);
      worker.configs.set(name, change(worker.configs.get(name)!));
    },
    async alterOffsets(name, changes) {
      await act(`alter offsets ${name} ${JSON.stringify(changes)}`);
      return false;
    },
    async resetOffsets(name) {
      await act(`reset offsets ${name}`);
      return true;
    },
    async delete(name) {
      await act(`delete ${name}`);
      worker.configs.delete(name);
    },
    pause: (name) => act(`pause ${name}`),
    resume: (name) => act(`resume ${name}`),
    stop: (name) => act(`stop ${name}`),
    async restart(name, { includeTasks, onlyFailed }) {
      await act(`restart ${name}${includeTasks ? ' includeTasks' : ''}${onlyFailed ? ' onlyFailed' : ''}`);
      const status = statusOf(name);
      return { ...status, connector: { ...status.connector, state: 'RESTARTING' } };
    },
    restartTask: (name, task) => act(`restart ${name}-${task}`),
  };
  return worker;
}
