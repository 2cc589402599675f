import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryBroker, memoryBroker } from '../../test/support/memory-broker.ts';
import {
  type ScriptedRun,
  type ScriptedSource,
  scriptedPartition,
  scriptedSource,
} from '../../test/support/scripted-source.ts';
import { systemClock } from '../base/clock.ts';
import { TributaryError } from '../base/errors.ts';
import type { RawConfig } from '../config/raw.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { startWorker, type Worker, type WorkerOptions } from './worker.ts';

interface Setup {
  readonly broker?: MemoryBroker;
  readonly source?: ScriptedSource;
  readonly others?: readonly ScriptedSource[];
  readonly options?: Partial<WorkerOptions>;
  readonly fromFile?: Readonly<Record<string, RawConfig>>;
}

interface Bench extends AsyncDisposable {
  readonly worker: Worker;
  readonly broker: MemoryBroker;
  readonly source: ScriptedSource;
  readonly log: LogEntry[];
  readonly registry: MetricRegistry;
  /** Events logged so far. */
  events(): readonly string[];
  /** The newest run of the source, once it is open. */
  opened(): Promise<ScriptedRun>;
  /** The run of the source with this number, over all tasks. */
  run(index: number): Promise<ScriptedRun>;
  holds(topic: string, count: number): Promise<void>;
}

async function bench(setup: Setup = {}): Promise<Bench> {
  const { broker = memoryBroker(), source = scriptedSource(), others = [] } = setup;
  const log: LogEntry[] = [];
  const registry = new MetricRegistry();
  const worker = await startWorker(
    {
      broker,
      connectors: [source, ...others],
      workerId: '127.0.0.1:8083',
      offsetFlushIntervalMs: 20,
      gracefulStopMs: 500,
      log: recordingLog(log),
      metrics: registry.root(),
      clock: systemClock,
      random: () => 0.5,
      ...setup.options,
    },
    setup.fromFile,
  );
  return {
    worker,
    broker,
    source,
    log,
    registry,
    events: () => log.map(({ event }) => event),
    async opened() {
      await until(
        () => source.runs.at(-1)?.ended === false,
        () => source.runs.length,
      );
      return source.runs.at(-1)!;
    },
    async run(index) {
      await until(
        () => source.runs[index] !== undefined,
        () => source.runs.length,
      );
      return source.runs[index]!;
    },
    async holds(topic, count) {
      const held = (): number => countOf(broker, topic);
      await until(() => held() >= count, held);
    },
    async [Symbol.asyncDispose]() {
      await worker.close();
    },
  };
}

const config = { name: 'a', 'connector.class': 'scripted', topic: 't' };

/** States of the connector and its tasks: `RUNNING [RUNNING]`. */
function states(worker: Worker, name = 'a'): string | undefined {
  const status = worker.status(name);
  return status && `${status.connector.state} [${status.tasks.map(({ state }) => state).join()}]`;
}

function countOf(broker: MemoryBroker, topic: string): number {
  try {
    return broker.records(topic).length;
  } catch {
    return 0; // not made yet
  }
}

/** Polls with a bound, because a status has no event to wait for from outside. */
async function until(condition: () => boolean, what: () => unknown): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within 5 s: ${JSON.stringify(what())}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const reaches = (worker: Worker, wanted: string, name = 'a'): Promise<void> =>
  until(
    () => states(worker, name) === wanted,
    () => ({ wanted, states: states(worker, name) }),
  );

test('a connector that is created runs, and what it gives is in its topic', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'RUNNING');
  (await it.opened()).give('one', 'two');
  await it.holds('t', 2);
  deepEqual(it.broker.values('t'), ['one', 'two']);
  await reaches(it.worker, 'RUNNING [RUNNING]');
  deepEqual(it.worker.connector('a'), { name: 'a', type: 'source', config, tasks: it.worker.connector('a')!.tasks });
  equal(it.worker.connector('a')!.tasks[0]!['topic'], 't');
  equal(it.worker.status('a')!.connector.version, '1.2.3');
});

for (const [initial, wanted] of [
  ['PAUSED', 'PAUSED'],
  ['STOPPED', 'STOPPED'],
] as const) {
  test(`a connector created ${initial} opens nothing until it is resumed`, async () => {
    await using it = await bench();
    await it.worker.create('a', config, initial);
    await until(
      () => it.worker.status('a')?.connector.state === wanted,
      () => states(it.worker),
    );
    equal(it.source.runs.length, 0);
    await it.worker.resume('a');
    await reaches(it.worker, 'RUNNING [RUNNING]');
    equal(it.source.runs.length, 1);
  });
}

test('pausing closes the connection after what was received is written; resuming goes on from its offset', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'RUNNING');
  const first = await it.opened();
  first.give('one', 'two');
  await it.worker.pause('a');
  await reaches(it.worker, 'PAUSED [PAUSED]');
  equal(first.ended, true);
  deepEqual(it.broker.values('t'), ['one', 'two']);
  deepEqual(
    (await it.worker.offsets('a')).map(({ offset }) => offset),
    [{ sequence: 2 }],
  );
  await it.worker.resume('a');
  (await it.run(1)).give('three');
  await it.holds('t', 3);
  await it.worker.pause('a');
  await reaches(it.worker, 'PAUSED [PAUSED]');
  deepEqual(
    (await it.worker.offsets('a')).map(({ offset }) => offset),
    [{ sequence: 3 }],
  );
  equal(it.events().includes('unclean_previous_end'), false);
});

test('who closes a worker that is being closed waits for the same end', async () => {
  const it = await bench();
  await it.worker.create('a', config, 'RUNNING');
  const run = await it.opened();
  run.give('one');
  const first = it.worker.close();
  await it.worker.close();
  equal(run.ended, true);
  deepEqual(it.broker.values('t'), ['one']);
  await first;
});

test('a stopped connector has no tasks, keeps its offsets, and resumes', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'RUNNING');
  (await it.opened()).give('one');
  await it.worker.stop('a');
  await reaches(it.worker, 'STOPPED []');
  deepEqual(it.worker.connector('a')!.tasks, []);
  deepEqual(
    (await it.worker.offsets('a')).map(({ offset }) => offset),
    [{ sequence: 1 }],
  );
  await it.worker.pause('a');
  await until(
    () => it.worker.status('a')?.connector.state === 'PAUSED',
    () => states(it.worker),
  );
  await it.worker.resume('a');
  await reaches(it.worker, 'RUNNING [RUNNING]');
});

test('a deleted connector is gone with its status and its series; its offsets stay', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'RUNNING');
  (await it.opened()).give('one');
  await it.holds('t', 1);
  await it.worker.delete('a');
  equal(it.worker.connector('a'), undefined);
  equal(it.worker.status('a'), undefined);
  deepEqual(it.worker.connectorNames(), []);
  equal(it.source.runs[0]!.ended, true);
  deepEqual(
    [...it.registry.families.keys()].filter((name) => name.includes('source')),
    [],
  );
  await it.worker.create('a', config, 'RUNNING');
  equal((await it.run(1)).context.resumeOffset({ url: 'script:' })?.['sequence'], 1);
});

test('connectors, their states and their offsets survive the end of the worker', async () => {
  await using broker = memoryBroker();
  {
    await using it = await bench({ broker });
    await it.worker.create('a', config, 'RUNNING');
    await it.worker.create('b', { ...config, name: 'b' }, 'PAUSED');
    (await it.run(0)).give('one');
    await it.holds('t', 1);
  }
  await using it = await bench({ broker });
  deepEqual(it.worker.connectorNames(), ['a', 'b']);
  const run = await it.opened();
  deepEqual(run.context.resumeOffset({ url: 'script:' }), { sequence: 1 });
  await until(
    () => it.worker.status('b')?.connector.state === 'PAUSED',
    () => states(it.worker, 'b'),
  );
  equal(it.source.runs.length, 1);
  equal(it.events().includes('unclean_previous_end'), false);
});

test('connectors of the file win over what was stored, with a warning', async () => {
  await using broker = memoryBroker();
  {
    await using it = await bench({ broker, fromFile: { a: config } });
    await it.worker.put('a', { ...config, topic: 'other' });
  }
  await using it = await bench({ broker, fromFile: { a: config } });
  equal(it.worker.connector('a')!.config['topic'], 't');
  deepEqual(
    it.log
      .filter(({ event }) => event === 'connector_replaced')
      .map(({ level, fields }) => [level, fields['connector']]),
    [['warn', 'a']],
  );
  equal((await it.opened()).config['topic'], 't');
});

test('an unchanged connector of the file gives no warning', async () => {
  await using broker = memoryBroker();
  {
    await using _ = await bench({ broker, fromFile: { a: config } });
  }
  await using it = await bench({ broker, fromFile: { a: config } });
  equal(it.events().includes('connector_replaced'), false);
});

test('a configuration that is put replaces the running one', async () => {
  await using it = await bench();
  equal(await it.worker.put('a', config), 'created');
  const first = await it.opened();
  first.give('one');
  equal(await it.worker.put('a', { ...config, topic: 'u' }), 'updated');
  (await it.run(1)).give('two');
  await it.holds('u', 1);
  equal(first.ended, true);
  deepEqual(it.broker.values('t'), ['one']);
  equal(it.events().includes('unclean_previous_end'), false);
});

const invalid: readonly (readonly [name: string, config: RawConfig, message: RegExp])[] = [
  [
    'no class',
    { name: 'a', token: 'canary' },
    /^Connector config \{name=a, token=\[hidden\]\} contains no connector type$/,
  ],
  [
    'an unknown class',
    { ...config, 'connector.class': 'org.example.Nope' },
    /^Failed to find any class that implements Connector and which name matches org\.example\.Nope, available connectors are: org\.example\.ScriptedSourceConnector/,
  ],
  [
    'several wrong values',
    { name: 'a', 'connector.class': 'ScriptedSource', 'tasks.max': '0', size: 'x', token: 'canary' },
    /^Connector configuration is invalid and contains the following 3 error\(s\):\nInvalid value 0 for configuration tasks\.max: Value must be at least 1\nMissing required configuration "topic" which has no default value\.\nInvalid value x for configuration size: Not a number of type INT\nYou can also find the above list of errors at the endpoint `\/connector-plugins\/\{connectorType\}\/config\/validate`$/,
  ],
  ['a blank name', { ...config, name: '' }, /\nInvalid value {2}for configuration name: String may not be empty\n/],
  [
    'an unknown converter',
    { ...config, 'value.converter': 'Nope' },
    /\nInvalid value Nope for configuration value\.converter: Class Nope could not be found\.\n/,
  ],
];

for (const [what, wrong, message] of invalid) {
  test(`a configuration with ${what} is refused, and nothing is kept of it`, async () => {
    await using it = await bench();
    for (const attempt of [it.worker.create('a', wrong, 'RUNNING'), it.worker.put('a', wrong)]) {
      await rejects(attempt, (error: Error & { code?: string }) => {
        equal(error.code, 'CONFIG_INVALID');
        match(error.message, message);
        equal(error.message.includes('canary'), false);
        return true;
      });
    }
    deepEqual(it.worker.connectorNames(), []);
  });
}

test('a name that is taken is refused, after the configuration was checked', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'STOPPED');
  await rejects(it.worker.create('a', config, 'RUNNING'), {
    code: 'ALREADY_EXISTS',
    message: 'Connector a already exists',
  });
  await rejects(it.worker.create('a', {}, 'RUNNING'), { code: 'CONFIG_INVALID' });
});

test('each of the names that Kafka Connect accepts for a class finds it', async () => {
  await using it = await bench();
  const names = ['scripted', 'org.example.ScriptedSourceConnector', 'ScriptedSourceConnector', 'ScriptedSource'];
  for (const [index, name] of names.entries()) {
    await it.worker.create(`c${index}`, { ...config, name: `c${index}`, 'connector.class': name }, 'STOPPED');
  }
  await rejects(it.worker.create('x', { ...config, 'connector.class': 'SCRIPTED' }, 'STOPPED'), {
    code: 'CONFIG_INVALID',
  });
});

test('a key that nothing reads is warned of, with the nearest one', async () => {
  await using it = await bench();
  await it.worker.create('a', { ...config, tokn: 'x', 'producer.override.linger.ms': '1' }, 'RUNNING');
  await it.opened();
  const warnings = it.log.filter(({ event }) => event === 'unknown_key').map(({ fields }) => fields);
  equal(warnings.length, 1);
  equal(warnings[0]!['key'], 'tokn');
  match(String(warnings[0]!['hint']), /Did you mean "token"\?/);
});

test('a connector that makes more tasks than tasks.max fails, unless the limit is not enforced', async () => {
  const source = scriptedSource();
  source.tasks = (raw) => [raw, raw, raw];
  await using it = await bench({ source, options: { autoRestart: false } });
  await it.worker.create('a', { ...config, 'tasks.max': '2' }, 'RUNNING');
  await reaches(it.worker, 'FAILED []');
  match(
    it.worker.status('a')!.connector.trace!,
    /connector "a": it makes 3 tasks, and tasks\.max allows 2; tasks\.max\.e/,
  );
  equal(source.runs.length, 0);
  await it.worker.put('a', { ...config, 'tasks.max': '2', 'tasks.max.enforce': 'false' });
  await reaches(it.worker, 'RUNNING [RUNNING,RUNNING,RUNNING]');
  const [warning] = it.log.filter(({ event }) => event === 'tasks_max_exceeded');
  deepEqual([warning?.fields['tasks'], warning?.fields['tasks_max']], [3, 2]);
});

const reference = ['$', '{file:a:b}'].join('');

for (const [action, starts] of [
  ['restart', 2],
  ['none', 1],
] as const) {
  test(`what stands behind a reference has changed, config.action.reload=${action}: ${starts} starts`, async () => {
    let value = 'one';
    const resolve = (raw: RawConfig): RawConfig => (raw['token'] === reference ? { ...raw, token: value } : raw);
    await using it = await bench({ options: { resolve, referencesEveryMs: 5 } });
    await it.worker.create('a', { ...config, token: reference, 'config.action.reload': action }, 'RUNNING');
    await it.worker.create('b', { ...config, name: 'b', token: reference }, 'RUNNING');
    equal((await it.run(1)).config['token'], 'one');
    value = 'two';
    await it.run(starts); // where "a" is left alone, that of "b" is the last one
    await until(
      () => it.source.runs.filter(({ config: { name, token } }) => name === 'b' && token === 'two').length === 1,
      () => it.source.runs.length,
    );
    const runs = it.source.runs.filter(({ config: { name } }) => name === 'a');
    deepEqual(
      runs.map(({ config: { token } }) => token),
      ['one', 'two'].slice(0, starts),
    );
    const { series } = it.registry.families.get('tributary_connector_references_changed_total')!;
    equal([...series.keys()].filter((labels) => labels.includes('"a"')).length, starts - 1);
  });
}

test('a task that was refused for good is started again once something else stands behind its references', async () => {
  let value = 'wrong';
  const resolve = (raw: RawConfig): RawConfig => (raw['token'] === reference ? { ...raw, token: value } : raw);
  await using it = await bench({ options: { resolve, referencesEveryMs: 5 } });
  await it.worker.create('a', { ...config, token: reference }, 'RUNNING');
  (await it.opened()).fail(new TributaryError('CONNECTION_REFUSED_FOR_GOOD', '401'));
  await reaches(it.worker, 'RUNNING [FAILED]');
  value = 'right';
  equal((await it.run(1)).config['token'], 'right');
  await reaches(it.worker, 'RUNNING [RUNNING]');
});

test('options whose values are secret are known by the class', async () => {
  await using it = await bench();
  deepEqual([...it.worker.secretKeys(config)], ['token']);
  deepEqual([...it.worker.secretKeys({ 'connector.class': 'gone' })], []);
});

test('references are resolved for the task and not in what is shown or stored', async () => {
  const resolve = (raw: RawConfig): RawConfig => ({ ...raw, token: raw['token'] === 'reference' ? 'canary' : 'none' });
  await using it = await bench({ options: { resolve } });
  await it.worker.create('a', { ...config, token: 'reference' }, 'RUNNING');
  equal((await it.opened()).config['token'], 'canary');
  equal(it.worker.connector('a')!.config['token'], 'reference');
  const stored = it.broker
    .records('tributary-configs')
    .map(({ value }) => String(value))
    .join();
  equal(stored.includes('canary'), false);
  equal(JSON.stringify(it.worker.connector('a')).includes('canary'), false);
});

test('a task that fails says why first, and the others run on', async () => {
  await using it = await bench({ options: { autoRestart: false } });
  await it.worker.create('a', config, 'RUNNING');
  const failing = await it.run(0);
  await it.worker.create('b', { ...config, name: 'b', topic: 'u' }, 'RUNNING');
  const healthy = await it.run(1);
  failing.fail(new Error('the server answered 401'));
  await reaches(it.worker, 'RUNNING [FAILED]');
  match(it.worker.status('a')!.tasks[0]!.trace!, /^.*the server answered 401/);
  healthy.give('one');
  await it.holds('u', 1);
  equal(states(it.worker, 'b'), 'RUNNING [RUNNING]');
});

test('a connector that cannot be opened fails its task, and a restart of the task runs it again', async () => {
  await using it = await bench({ options: { autoRestart: false } });
  it.source.failOpen = new Error('bad header');
  await it.worker.create('a', config, 'RUNNING');
  await reaches(it.worker, 'RUNNING [FAILED]');
  match(it.worker.status('a')!.tasks[0]!.trace!, /bad header/);
  await it.worker.restartTask('a', 0);
  await reaches(it.worker, 'RUNNING [RUNNING]');
  await rejects(it.worker.restartTask('a', 7), { code: 'NOT_FOUND' });
});

test('a restart of the connector alone leaves a failed task alone, with onlyFailed tasks it mends it', async () => {
  await using it = await bench({ options: { autoRestart: false }, source: scriptedSource('scripted', 2) });
  await it.worker.create('a', { ...config, 'tasks.max': '2' }, 'RUNNING');
  const [first, second] = [await it.run(0), await it.run(1)];
  first.fail(new Error('gone'));
  await reaches(it.worker, 'RUNNING [FAILED,RUNNING]');
  await it.worker.restart('a', { includeTasks: false, onlyFailed: false });
  equal(states(it.worker), 'RUNNING [FAILED,RUNNING]');
  const shown = await it.worker.restart('a', { includeTasks: true, onlyFailed: true });
  deepEqual([shown.connector.state, ...shown.tasks.map(({ state }) => state)], ['RUNNING', 'RESTARTING', 'RUNNING']);
  await reaches(it.worker, 'RUNNING [RUNNING,RUNNING]');
  equal(second.ended, false);
  const all = await it.worker.restart('a', { includeTasks: true, onlyFailed: false });
  deepEqual([all.connector.state, ...all.tasks.map(({ state }) => state)], ['RESTARTING', 'RESTARTING', 'RESTARTING']);
  await until(
    () => second.ended,
    () => states(it.worker),
  );
  await reaches(it.worker, 'RUNNING [RUNNING,RUNNING]');
});

test('a connector that cannot be started is started again by itself, says when, and a change of it comes before', async () => {
  await using it = await bench();
  const wrong = { ...config, 'topic.creation.default.partitions': '1', 'errors.restart.delay.ms': '1' };
  await it.worker.create('a', wrong, 'RUNNING');
  await until(
    () => it.events().filter((event) => event === 'connector_restart_scheduled').length >= 3,
    () => it.worker.status('a'),
  );
  const { connector } = it.worker.status('a')!;
  match(connector.trace!, /^Missing required configuration "topic.creation.default.replication.factor" which has no/);
  await it.worker.put('a', { ...wrong, 'errors.restart.delay.ms': '3600000' });
  await until(
    () => /starts again by itself at .* failures? in a row/.test(it.worker.status('a')!.connector.detail ?? ''),
    () => it.worker.status('a'),
  );
  await it.worker.put('a', { ...wrong, 'topic.creation.default.replication.factor': '1' });
  await until(
    () => it.worker.status('a')?.connector.state === 'RUNNING',
    () => it.worker.status('a'),
  );
  equal(it.worker.status('a')!.connector.detail, undefined);
});

test('a connector that fails again and again, and one whose topic hangs, do not hold up a third', async () => {
  const good = scriptedSource('good');
  const hanging = scriptedSource('hanging');
  await using it = await bench({ others: [good, hanging] });
  it.broker.beforeSend = (topic) => (topic === 'stuck' ? new Promise(() => {}) : undefined);
  it.source.failOpen = new Error('no');
  const failing = { ...config, transforms: 'x', 'transforms.x.type': 'Filter', 'errors.restart.delay.ms': '1' };
  await it.worker.create('a', { ...failing, 'errors.restart.delay.max.ms': '1' }, 'RUNNING');
  await it.worker.create('h', { ...config, name: 'h', 'connector.class': 'hanging', topic: 'stuck' }, 'RUNNING');
  await it.worker.create('g', { ...config, name: 'g', 'connector.class': 'good', topic: 'g' }, 'RUNNING');
  await until(
    () => hanging.runs.length === 1 && good.runs.length === 1,
    () => it.worker.status('g'),
  );
  for (let i = 0; i < 10; i++) hanging.runs[0]!.give('never');
  for (let i = 1; i <= 50; i++) {
    good.runs[0]!.give(String(i));
    const seen = it.source.runs.length;
    it.source.runs.at(-1)?.fail(new Error('again'));
    await it.broker.holds('g', i);
    await until(
      () => it.source.runs.length > seen,
      () => it.worker.status('a'),
    );
  }
  equal(it.worker.status('g')!.tasks[0]!.state, 'RUNNING');
});

test('offsets in a topic of their own are stored there and shown', async () => {
  await using it = await bench();
  await it.worker.create('a', { ...config, 'offsets.storage.topic': 'mine' }, 'RUNNING');
  const run = await it.run(0);
  run.give('x');
  await it.broker.holds('t', 1);
  await it.worker.pause('a');
  await until(
    () => it.worker.status('a')?.connector.state === 'PAUSED',
    () => it.worker.status('a'),
  );
  deepEqual(await it.worker.offsets('a'), [{ partition: scriptedPartition, offset: { sequence: 1 } }]);
  ok(it.broker.values('mine').includes('{"sequence":1}'));
});

test('a restart of a paused or stopped connector does not run it', async () => {
  await using it = await bench();
  for (const state of ['PAUSED', 'STOPPED'] as const) {
    const name = state.toLowerCase();
    await it.worker.create(name, { ...config, name }, state);
    await until(
      () => it.worker.status(name)?.connector.state === state,
      () => states(it.worker, name),
    );
    const before = states(it.worker, name)!;
    await it.worker.restart(name, { includeTasks: true, onlyFailed: false });
    await it.worker.restart(name, { includeTasks: false, onlyFailed: false });
    await reaches(it.worker, before, name);
  }
  equal(it.source.runs.length, 0);
});

test('pausing a connector whose task has failed leaves the reason of the task to be seen', async () => {
  await using it = await bench({ options: { autoRestart: false } });
  await it.worker.create('a', config, 'RUNNING');
  (await it.opened()).fail(new Error('gone'));
  await reaches(it.worker, 'RUNNING [FAILED]');
  await it.worker.pause('a');
  await reaches(it.worker, 'PAUSED [FAILED]');
  match(it.worker.status('a')!.tasks[0]!.trace!, /gone/);
});

test('a failed task is started again by itself, each time after twice the pause', async () => {
  await using it = await bench();
  await it.worker.create(
    'a',
    { ...config, 'errors.restart.delay.ms': '5', 'errors.restart.delay.max.ms': '10' },
    'RUNNING',
  );
  for (let failures = 0; failures < 4; failures++) (await it.run(failures)).fail(new Error('gone'));
  (await it.run(4)).give('one');
  await it.holds('t', 1);
  await reaches(it.worker, 'RUNNING [RUNNING]');
  deepEqual(
    it.log.filter(({ event }) => event === 'task_restart_scheduled').map(({ fields }) => fields['after_ms']),
    [5, 10, 10, 10],
  );
});

test('a task that was refused for good stays failed until somebody restarts it', async () => {
  await using it = await bench();
  await it.worker.create('a', { ...config, 'errors.restart.delay.ms': '1' }, 'RUNNING');
  (await it.opened()).fail(new TributaryError('CONNECTION_REFUSED_FOR_GOOD', 'the server said 401'));
  await reaches(it.worker, 'RUNNING [FAILED]');
  const [task] = it.worker.status('a')!.tasks;
  match(task!.trace!, /the server said 401/);
  match(task!.detail!, /until it is restarted/);
  equal(it.events().includes('task_restart_scheduled'), false);
  await it.worker.restart('a', { includeTasks: true, onlyFailed: true });
  (await it.run(1)).give('one');
  await it.holds('t', 1);
  await reaches(it.worker, 'RUNNING [RUNNING]');
});

test('a failed task whose connector forbids it stays failed', async () => {
  await using it = await bench();
  await it.worker.create(
    'a',
    { ...config, 'errors.restart.enabled': 'false', 'errors.restart.delay.ms': '1' },
    'RUNNING',
  );
  (await it.opened()).fail(new Error('gone'));
  await reaches(it.worker, 'RUNNING [FAILED]');
  equal(it.events().includes('task_restart_scheduled'), false);
});

test('a task that waits to be started again is not started once it is stopped', async () => {
  await using it = await bench();
  await it.worker.create('a', { ...config, 'errors.restart.delay.ms': '30' }, 'RUNNING');
  (await it.opened()).fail(new Error('gone'));
  await reaches(it.worker, 'RUNNING [FAILED]');
  await it.worker.stop('a');
  await reaches(it.worker, 'STOPPED []');
  await new Promise((resolve) => setTimeout(resolve, 60)); // twice the pause: what must not happen has no event
  equal(it.source.runs.length, 1);
});

test('changes of a connector that come at once end in the last one', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'RUNNING');
  await Promise.all([it.worker.pause('a'), it.worker.resume('a'), it.worker.stop('a'), it.worker.resume('a')]);
  await reaches(it.worker, 'RUNNING [RUNNING]');
  await it.opened();
  equal(it.source.runs.filter(({ ended }) => !ended).length, 1);
});

test('a run that was killed is told at the next start, once, and counted', async () => {
  await using broker = memoryBroker();
  const killed = await bench({ broker });
  await killed.worker.create('a', config, 'RUNNING');
  (await killed.opened()).give('one');
  await killed.holds('t', 1);
  await until(
    () => broker.values('tributary-status').some((value) => value?.includes('"clean":false')),
    () => broker.values('tributary-status'),
  );
  // Its end is not written: what a kill -9 leaves behind.
  await using it = await bench({ broker });
  await it.opened();
  equal(it.events().filter((event) => event === 'unclean_previous_end').length, 1);
  const family = it.registry.families.get('tributary_source_unclean_starts_total');
  const counts = family?.kind === 'counter' ? [...family.series.values()].map(({ counter }) => counter.value) : [];
  deepEqual(counts, [1]);
  await it.worker.restartTask('a', 0);
  await it.run(1);
  equal(it.events().filter((event) => event === 'unclean_previous_end').length, 1);
  await killed.worker.close();
});

test('closing the worker writes what was received, and stores offsets and a clean end', async () => {
  await using broker = memoryBroker();
  const it = await bench({ broker });
  await it.worker.create('a', config, 'RUNNING');
  const run = await it.opened();
  for (let i = 0; i < 100; i++) run.give(String(i));
  await it.worker.close();
  deepEqual(
    broker.values('t'),
    Array.from({ length: 100 }, (_, i) => String(i)),
  );
  equal(String(broker.records('tributary-offsets').at(-1)?.value), '{"sequence":100}');
  const status = broker
    .records('tributary-status')
    .filter(({ key }) => String(key) === 'status-task-a-0')
    .at(-1);
  equal(JSON.parse(String(status?.value)).clean, true);
  await it.worker.close();
});

test('a topic that is missing fails the task where none may be made', async () => {
  await using it = await bench({
    options: { autoRestart: false, topicCreation: { autoCreate: false, partitions: 1 } },
  });
  await it.worker.create('a', config, 'RUNNING');
  (await it.opened()).give('one');
  await reaches(it.worker, 'RUNNING [FAILED]');
  match(it.worker.status('a')!.tasks[0]!.trace!, /Topic "t" does not exist and broker\.autoCreate is off/);
});

test('what is asked of a connector that is not there is refused', async () => {
  await using it = await bench();
  for (const call of ['delete', 'pause', 'resume', 'stop', 'offsets'] as const) {
    await rejects(it.worker[call]('ghost'), { code: 'NOT_FOUND' });
  }
  await rejects(it.worker.restart('ghost', { includeTasks: false, onlyFailed: false }), { code: 'NOT_FOUND' });
  await rejects(it.worker.restartTask('ghost', 0), { code: 'NOT_FOUND' });
});

test('a worker that cannot follow its tables any more says so, and one that stops takes no changes', async () => {
  const it = await bench();
  deepEqual(it.worker.health(), { state: 'healthy' });
  await it.broker.close();
  await until(
    () => it.worker.health().state === 'unhealthy',
    () => it.worker.health(),
  );
  match(it.worker.health().reason!, /^topic "tributary-\w+", which the worker keeps its state in, cannot be read$/);
  await it.worker.close();
  deepEqual(it.worker.health(), { state: 'unhealthy', reason: 'the worker is stopping' });
  await rejects(it.worker.create('a', config, 'RUNNING'), { code: 'CONFLICT', message: 'The worker is stopping' });
});

test('offsets change while the connector is stopped; what names no partition is told of and changes nothing', async () => {
  await using it = await bench();
  await it.worker.create('a', config, 'STOPPED');
  const first = { partition: { p: 1 }, offset: { n: 7 } };
  equal(await it.worker.alterOffsets('a', [first, { partition: null, offset: { n: 1 } }]), false);
  deepEqual(await it.worker.offsets('a'), [first]);
  deepEqual(
    it.log.filter(({ event }) => event === 'offset_changes_ignored').map(({ fields }) => fields['changes']),
    [1],
  );
  await it.worker.alterOffsets('a', [{ partition: { p: 1 }, offset: null }]);
  deepEqual(await it.worker.offsets('a'), []);
  await it.worker.alterOffsets('a', [first]);
  await it.worker.resetOffsets('a');
  deepEqual(await it.worker.offsets('a'), []);
  await it.worker.resume('a');
  await rejects(it.worker.alterOffsets('a', [first]), { code: 'USAGE', message: /^Connectors must be in the STOPPED/ });
});

test('a source may refuse offsets that it could not go on from, and confirm those it can', async () => {
  const source = scriptedSource();
  const checking = {
    ...source,
    checkOffsets: (_config: RawConfig, changes: readonly { readonly offset: unknown }[]) => {
      if (changes.some(({ offset }) => offset !== null)) throw new TributaryError('CONFIG_INVALID', 'no such place');
      return true;
    },
  };
  await using it = await bench({ source: checking });
  await it.worker.create('a', config, 'STOPPED');
  await rejects(it.worker.alterOffsets('a', [{ partition: {}, offset: {} }]), { message: 'no such place' });
  deepEqual(await it.worker.offsets('a'), []);
  equal(await it.worker.resetOffsets('a'), true);
});

test('a patch that gives another name is stored, as Kafka Connect does, and told of', async () => {
  await using it = await bench();
  await it.worker.create('a', { ...config, name: 'a' }, 'STOPPED');
  await it.worker.patch('a', (stored) => ({ ...stored, name: 'other' }));
  equal(it.worker.connector('a')?.config['name'], 'other');
  ok(it.events().includes('connector_name_differs'));
});
