/** The parts of a SQL application that one task of its connector runs: each has state, positions and checkpoints of its own. */
import type { Broker } from '../broker/broker.ts';
import type { Part } from '../sql/runtime/part.ts';
import { SqlRun, type World } from '../sql/runtime/run.ts';
import { topicInputOf } from '../sql/runtime/topic-source.ts';
import { waiting } from '../sql/runtime/waiting.ts';
import { checkScript } from './sql-files.ts';

export interface TaskParts {
  readonly script: string;
  readonly broker: Broker;
  /** Which of how many tasks: parts take turns among them. */
  readonly task: number;
  readonly tasks: number;
  readonly worldOf: (part: Part) => World;
  readonly say: (what: string, detail: string | undefined) => void;
  readonly signal: AbortSignal;
}

/** Runs until the signal aborts, or one part fails: then the others stop, and it is thrown. */
export async function runParts(options: TaskParts): Promise<void> {
  const { script, broker, task, tasks, worldOf, say, signal } = options;
  const partitions = await partitionsOf(script, broker, signal);
  const count = Math.max(...partitions.values());
  const own = Array.from({ length: count }, (_, index) => index).filter((index) => index % tasks === task);
  if (own.length === 0) {
    say('idle', `the application has ${count} parts, one for each partition, and ${tasks} tasks`);
    await new Promise((resolve) => {
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener('abort', resolve, { once: true });
    });
    return;
  }
  const stopping = new AbortController();
  const all = AbortSignal.any([signal, stopping.signal]);
  const runs = own.map(async (index) => {
    try {
      await new SqlRun(script, worldOf({ index, count, partitions })).run(all);
    } finally {
      stopping.abort(); // the task is one: it runs whole, or not at all
    }
  });
  const ended = await Promise.allSettled(runs);
  const failed = ended.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}

async function partitionsOf(script: string, broker: Broker, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const sources = [...checkScript(script).streams.values()].filter(({ options }) => options.role === 'source');
  const counts = sources.map(async (stream) => {
    const { topic } = topicInputOf(stream);
    const { partitions } = await waiting(signal, () => broker.describeTopic(topic, { signal }));
    return [stream.name, partitions.length] as const;
  });
  return new Map(await Promise.all(counts));
}
