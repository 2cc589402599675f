/** Java's Kafka Streams (org.apache.kafka:kafka-streams), with the program beside this file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureJars, javaVersion } from './java.ts';

/** For people; StreamsVwap.java sets it so. */
export const streamsSettings: string = `org.apache.kafka:kafka-streams ${javaVersion}, one thread, heap of 1 GiB at most, a store in memory, cache of 64 MiB, commit.interval.ms=1000, linger.ms=5`;

export interface StreamsOptions {
  readonly bootstrap: string;
  readonly input: string;
  readonly output: string;
  readonly folder: string;
  readonly guarantee: 'at_least_once' | 'exactly_once_v2';
}

export interface RunningStreams extends AsyncDisposable {
  readonly pid: number;
}

export async function startStreams(options: StreamsOptions): Promise<RunningStreams> {
  const jars = await ensureJars('kafka-streams');
  const program = join(import.meta.dirname, 'StreamsVwap.java');
  const { bootstrap, input, output, folder, guarantee } = options;
  const args = ['-Xmx1g', '-cp', join(jars, '*'), program, bootstrap, input, output, folder, guarantee];
  const child = spawn('java', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await once(child, 'spawn');
  return {
    pid: child.pid!,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
