/** Java's own measuring programs (org.apache.kafka:kafka-tools), and what Java programs here need: from Maven, below .cache. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Run } from '../support/ingest-report.ts';
import { processUse } from '../support/process.ts';

export const javaVersion = '4.1.0';

/** For people: how the two programs are set. */
export const javaSettings: Readonly<Record<'producer' | 'consumer', string>> = {
  producer: `org.apache.kafka:kafka-tools ${javaVersion}, acks=all, idempotent, batch.size=500000, linger.ms=5, buffer.memory=33554432, heap of 512 MiB at most`,
  consumer: `org.apache.kafka:kafka-tools ${javaVersion}, defaults, heap of 512 MiB at most`,
};

export interface JavaJob {
  readonly bootstrap: string;
  readonly topic: string;
  readonly count: number;
  readonly size: number;
}

/** Its defaults but for what we do as well: acks=all, idempotent, batches as large as ours. */
export async function producerPerformance({ bootstrap, topic, count, size }: JavaJob): Promise<Run> {
  const properties = [`bootstrap.servers=${bootstrap}`, 'acks=all', 'enable.idempotence=true'];
  const { output, ...use } = await runJava('org.apache.kafka.tools.ProducerPerformance', [
    ...['--topic', topic, '--num-records', `${count}`, '--record-size', `${size}`, '--throughput', '-1'],
    ...['--producer-props', ...properties, 'batch.size=500000', 'linger.ms=5', 'buffer.memory=33554432'],
  ]);
  // 4000000 records sent, 512345.6 records/sec (97.72 MB/sec), …: the last such line is that of the whole run.
  const rate = [...output.matchAll(/records sent, ([\d.]+) records\/sec/g)].at(-1)?.[1];
  return runOf(output, rate, count, use);
}

export async function consumerPerformance({ bootstrap, topic, count }: JavaJob): Promise<Run> {
  const { output, ...use } = await runJava('org.apache.kafka.tools.ConsumerPerformance', [
    ...['--bootstrap-server', bootstrap, '--topic', topic, '--messages', `${count}`, '--hide-header'],
    ...['--group', 'bench', '--timeout', '60000'],
  ]);
  // start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, rebalance.time.ms, fetch.time.ms, …
  const rate = output.trim().split('\n').at(-1)?.split(', ')[5];
  return runOf(output, rate, count, use);
}

function runOf(output: string, rate: string | undefined, count: number, use: { cpuMs: number; peakMb: number }): Run {
  if (!(Number(rate) > 0)) throw new Error(`Java has measured nothing: ${output.slice(-500)}`);
  return { perSecond: Number(rate), cpuUsPerMessage: (use.cpuMs * 1000) / count, peakMb: use.peakMb };
}

/** Its processor time holds the start of the machine: it is what a process costs that does this once. */
async function runJava(
  main: string,
  args: readonly string[],
): Promise<{ readonly output: string; readonly cpuMs: number; readonly peakMb: number }> {
  const jars = await ensureJars('kafka-tools');
  const child = spawn('java', ['-Xmx512m', '-cp', join(jars, '*'), main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  let use = { cpuMs: 0, peakMb: 0 };
  const look = setInterval(() => {
    try {
      const { cpuMs, peakMb } = processUse(child.pid!);
      if (peakMb > 0) use = { cpuMs, peakMb };
    } catch {
      // it has just ended
    }
  }, 50);
  await once(child, 'close');
  clearInterval(look);
  if (child.exitCode !== 0) throw new Error(`${main} ended with ${child.exitCode}: ${output.slice(-500)}`);
  return { output, ...use };
}

/** The ignored folder with the jars of a part of Kafka; fetched where they are not there yet. */
export async function ensureJars(artifact: 'kafka-tools' | 'kafka-streams'): Promise<string> {
  const jars = resolve(import.meta.dirname, '../../.cache', artifact);
  const done = join(jars, `complete-${javaVersion}`);
  if (existsSync(done)) return jars;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-pom-'));
  try {
    mkdirSync(jars, { recursive: true });
    writeFileSync(join(folder, 'pom.xml'), pomFor(artifact));
    const args = ['-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime'];
    await promisify(execFile)('mvn', [...args, `-DoutputDirectory=${jars}`], { maxBuffer: 1e8 });
    writeFileSync(done, '');
    return jars;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function pomFor(artifact: string): string {
  return `<project><modelVersion>4.0.0</modelVersion><groupId>b</groupId><artifactId>b</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>${artifact}</artifactId><version>${javaVersion}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;
}
