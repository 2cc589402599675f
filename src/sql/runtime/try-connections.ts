/** Opens the connection of each source and sink of a script for a moment. Nothing is read, nothing is written. */
import { describeError, isError } from '../../base/errors.ts';
import type { ScriptPlan } from '../check/check.ts';
import type { StreamPlan } from '../check/stream-plan.ts';
import { connectionError, sourceError } from './connection-problem.ts';
import { connectorConfig } from './connector-config.ts';
import type { World } from './run.ts';

export interface Tried {
  readonly stream: string;
  /** What stands or was found; undefined where it failed. */
  readonly found?: string;
  readonly problem?: string;
}

const patienceMs = 10_000;

/** One after the other, in the order of the script. */
export async function* tryConnections(
  { streams }: ScriptPlan,
  world: Pick<World, 'source' | 'sink' | 'broker' | 'context'>,
  signal: AbortSignal,
): AsyncGenerator<Tried> {
  for (const stream of streams.values()) {
    if (stream.options.role === 'internal') continue;
    if (signal.aborted) return;
    try {
      yield { stream: stream.name, found: await tryOne(stream, world, signal) };
    } catch (error) {
      yield { stream: stream.name, problem: describeError(error) };
    }
  }
}

function tryOne(
  stream: StreamPlan,
  world: Pick<World, 'source' | 'sink' | 'broker' | 'context'>,
  signal: AbortSignal,
): Promise<string> {
  const { role, extension = '' } = stream.options;
  if (extension === 'log') return Promise.resolve('needs no connection');
  if (extension === 'kafka') return tryTopic(stream, world);
  return role === 'sink' ? trySink(stream, world, signal) : trySource(stream, world, signal);
}

async function tryTopic({ options }: StreamPlan, { broker }: Pick<World, 'broker'>): Promise<string> {
  const topic = options.values.get('kafka.topic')!;
  try {
    const { partitions } = await (await broker()).describeTopic(topic);
    return `topic "${topic}" with ${partitions.length} ${partitions.length === 1 ? 'partition' : 'partitions'}`;
  } catch (error) {
    if (options.role === 'sink' && isError(error, 'UNKNOWN_TOPIC')) return `topic "${topic}" will be made`;
    throw error;
  }
}

async function trySink(
  stream: StreamPlan,
  world: Pick<World, 'sink' | 'context'>,
  signal: AbortSignal,
): Promise<string> {
  const config = { ...connectorConfig(stream), 'websocket.validate': 'true' };
  const context = {
    ...world.context(stream.name, signal),
    reject: (_: unknown, error: unknown) => Promise.reject(error),
  };
  const task = await world.sink(stream.options.extension!).open(config, context);
  await task.close();
  return 'connected';
}

async function trySource(
  stream: StreamPlan,
  world: Pick<World, 'source' | 'context'>,
  signal: AbortSignal,
): Promise<string> {
  const over = new AbortController();
  const connected = Promise.withResolvers<void>();
  const context = {
    ...world.context(stream.name, AbortSignal.any([signal, over.signal])),
    resumeOffset: () => undefined,
    setStatus() {},
    onConnection(problem: string | undefined) {
      if (problem === undefined) connected.resolve();
      else connected.reject(connectionError(stream, problem));
    },
  };
  const batches = world
    .source(stream.options.extension!)
    .open(connectorConfig(stream), context)
    [Symbol.asyncIterator]();
  const reading = batches.next().catch((error: unknown) => connected.reject(sourceError(stream, error)));
  const timer = setTimeout(
    () => connected.reject(connectionError(stream, `no connection within ${patienceMs} ms`)),
    patienceMs,
  );
  signal.addEventListener('abort', () => connected.reject(connectionError(stream, 'stopped')), { once: true });
  try {
    await connected.promise;
    return 'connected';
  } finally {
    clearTimeout(timer);
    over.abort();
    await reading;
    await batches.return?.();
  }
}
