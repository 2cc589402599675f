/**
 * Apache Kafka's jars, from Maven into the ignored folder .cache/kafka, and what makes a node of it start fast: an archive of its
 * loaded classes, and a formatted folder to copy. Without these each start costs twice as much of a processor.
 */
import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { toolsMissing } from './tools.ts';

const run = promisify(execFile);
const version = '4.1.0';
const folder = resolve(import.meta.dirname, '../../.cache/kafka');
/** Folder of Kafka's jars, for Java programs of tests. */
export const kafkaJars = join(folder, 'jars');
const done = join(kafkaJars, `complete-${version}`);
const archive = join(folder, `classes-${version}.jsa`);
/** What formatting leaves: but for its identity the same for every node whose voters are named in its properties. */
const formatted = join(folder, `formatted-${version}`);

const pom = `<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;

/** Starts a node by the properties in this file, with these flags more, until it listens, and ends it politely. */
type RunNode = (file: string, flags: readonly string[]) => Promise<void>;

/**
 * Fetches the jars and prepares them where they are not there yet; several test processes may ask at once. `properties` are
 * those of a node whose data lie in `data` beside the file. Throws one sentence.
 */
export async function ensureKafkaJars(propertiesIn: (folder: string) => Promise<string>, node: RunNode): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await once(`${kafkaJars}.lock`, () => existsSync(done), fetchJars);
  await once(
    `${archive}.lock`,
    () => existsSync(archive) && existsSync(formatted),
    () => prepare(propertiesIn, node),
  );
}

/** Why Kafka cannot be had for want of a program, or false. Once its jars are there, Maven has nothing more to do. */
export function kafkaToolsMissing(): string | false {
  return toolsMissing(existsSync(done) ? ['java'] : ['java', 'mvn'], 'KAFKA_REQUIRED');
}

/**
 * `serial` has no threads of its own: a node listens sooner with it, for less of a processor. `G1` is what Java would take by itself,
 * and what figures of throughput are of.
 */
export type Collector = 'serial' | 'G1';

/** Killed, it would leave its performance data and unpacked libraries in the system's temporary folder. */
export function jvmOf(file: string, collector: Collector = 'serial'): readonly string[] {
  const shared = existsSync(archive) ? [`-XX:SharedArchiveFile=${realpathSync(archive)}`] : [];
  const small = ['-Xmx512m', '-XX:TieredStopAtLevel=1', collector === 'serial' ? '-XX:+UseSerialGC' : '-XX:+UseG1GC'];
  return [...small, '-XX:-UsePerfData', `-Djava.io.tmpdir=${dirname(file)}`, ...shared];
}

/** An archive of classes is good for one and the same class path only: for the folder itself, whatever leads to it. */
export function javaEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, CLASSPATH: `${realpathSync(kafkaJars)}/*` };
}

export async function formatKafka(file: string, more: readonly string[]): Promise<void> {
  const args = ['format', '-t', 'dHJpYnV0YXJ5LXRlc3QtMQ', '-c', file, ...more];
  await run('java', [...jvmOf(file), 'kafka.tools.StorageTool', ...args], { env: javaEnvironment() });
}

/** As `formatKafka` would without more. */
export function copyFormatted(data: string, nodeId = 1): void {
  cpSync(formatted, data, { recursive: true });
  if (nodeId === 1) return;
  const file = join(data, 'meta.properties');
  // 16 bytes in base64 leave two bits for the last letter: A, Q, g and w are the only ones that differ.
  const identity = `node.id=${nodeId}\ndirectory.id=dHJpYnV0YXJ5LXRlc3QtM${'AQgw'[nodeId % 4]}`;
  writeFileSync(
    file,
    readFileSync(file, 'utf8')
      .replace(/^node\.id=.*\n?|^directory\.id=.*\n?/gm, '')
      .concat(identity, '\n'),
  );
}

async function prepare(propertiesIn: (folder: string) => Promise<string>, node: RunNode): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'tributary-kafka-'));
  try {
    const file = join(place, 'server.properties');
    writeFileSync(file, await propertiesIn(place));
    await formatKafka(file, []);
    rmSync(formatted, { recursive: true, force: true });
    cpSync(join(place, 'data'), formatted, { recursive: true });
    const making = `${archive}.${process.pid}`;
    await node(file, [`-XX:ArchiveClassesAtExit=${making}`]);
    renameSync(making, archive);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function fetchJars(): Promise<void> {
  const place = mkdtempSync(join(tmpdir(), 'tributary-pom-'));
  try {
    writeFileSync(join(place, 'pom.xml'), pom);
    const args = ['-q', '-B', '-f', join(place, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime'];
    await run('mvn', [...args, `-DoutputDirectory=${kafkaJars}`], { maxBuffer: 1e8 });
    const count = readdirSync(kafkaJars).filter((name) => name.endsWith('.jar')).length;
    if (count < 20) throw new Error(`Maven brought only ${count} jars`);
    writeFileSync(done, '');
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** Work that one process does and the others wait for. */
async function once(lock: string, isDone: () => boolean, work: () => Promise<void>): Promise<void> {
  while (!isDone()) {
    if (!tryLock(lock)) {
      await new Promise((wake) => setTimeout(wake, 500));
      continue;
    }
    try {
      if (!isDone()) await work();
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

/** One left behind by a process that was killed is taken over after ten minutes. */
function tryLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 600_000)
      rmSync(lock, { recursive: true, force: true });
    return false;
  }
}
