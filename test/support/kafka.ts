/** A real Apache Kafka for tests: one KRaft node, its jars from Maven in the ignored folder .cache/kafka. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';
import { tempFolder } from './temp-folder.ts';
import { spawnTethered, type TetheredProcess } from './tethered.ts';
import { toolsMissing } from './tools.ts';

const run = promisify(execFile);
const version = '4.1.0';
/** Folder of Kafka's jars, for Java programs of tests. */
export const kafkaJars = resolve(import.meta.dirname, '../../.cache/kafka/jars');
const done = join(kafkaJars, `complete-${version}`);

const pom = `<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;

/** Fetches the jars where they are not there yet; several test processes may ask at once. Throws one sentence. */
export async function ensureKafka(): Promise<void> {
  const lock = `${kafkaJars}.lock`;
  mkdirSync(resolve(kafkaJars, '..'), { recursive: true });
  while (!existsSync(done)) {
    if (!tryLock(lock)) {
      await new Promise((wake) => setTimeout(wake, 500));
      continue;
    }
    try {
      await fetchJars();
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

/** Why tests with a real Kafka are skipped, or false. With KAFKA_REQUIRED=1 a Kafka that cannot be had is a failure. */
export async function kafkaMissing(): Promise<string | false> {
  // Once its jars are there, Maven has nothing more to do.
  const missing = toolsMissing(existsSync(done) ? ['java'] : ['java', 'mvn'], 'KAFKA_REQUIRED');
  if (missing !== false) return `No real Kafka here. ${missing}`;
  try {
    await ensureKafka();
    return false;
  } catch (error) {
    const sentence = `No real Kafka here, its jars cannot be had (${(error as Error).message.split('\n')[0]})`;
    if (process.env['KAFKA_REQUIRED'] === '1') throw new Error(sentence, { cause: error });
    return sentence;
  }
}

export interface KafkaServer extends AsyncDisposable {
  /** host:port of its plaintext listener. */
  readonly bootstrap: string;
  readonly pid: number;
  /** Where its log segments lie: one folder a partition, `topic-0`. */
  readonly dataFolder: string;
  /** Ends it as a power cut would; the data stays. */
  kill9(): Promise<void>;
  /** Starts it again after kill9, with its data and ports. */
  restart(): Promise<void>;
}

export interface KafkaOptions {
  /** Port that accepts when it is ready, where `listeners` was changed. */
  readonly readyPort?: number;
  /** SCRAM users it is formatted with: `SCRAM-SHA-256=[name=…,password=…]`. */
  readonly scram?: readonly string[];
}

/** `properties` go over the defaults, which make a small node that starts fast. */
export async function startKafka(
  properties: Readonly<Record<string, string>> = {},
  { readyPort, scram = [] }: KafkaOptions = {},
): Promise<KafkaServer> {
  await ensureKafka();
  const folder = await tempFolder('kafka');
  const [free, controller] = (await freePorts(2)) as [number, number];
  const port = readyPort ?? free;
  const file = join(folder.path, 'server.properties');
  writeFileSync(file, text({ ...defaults(folder.path, port, controller), ...properties }));
  const users = scram.flatMap((user) => ['--add-scram', user]);
  let server: TetheredProcess;
  try {
    await format(file, ['--standalone', ...users]);
    server = await launch(file, port);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  return {
    bootstrap: `127.0.0.1:${port}`,
    dataFolder: join(folder.path, 'data'),
    get pid() {
      return server.pid;
    },
    async kill9() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async restart() {
      server = await launch(file, port);
    },
    async [Symbol.asyncDispose]() {
      await end(server);
      await folder[Symbol.asyncDispose]();
    },
  };
}

export interface KafkaCluster extends AsyncDisposable {
  readonly bootstrap: readonly string[];
  /** Ends a node, counted from 1, as a power cut would. */
  kill9(node: number): Promise<void>;
  /** Starts it again after kill9, with its data and ports. */
  restart(node: number): Promise<void>;
}

/** Three nodes, each broker and controller, with replication 3 and two in-sync replicas wanted. */
export async function startKafkaCluster(): Promise<KafkaCluster> {
  await ensureKafka();
  const folder = await tempFolder('kafka');
  const ports = await freePorts(6);
  const nodes = [1, 2, 3].map((id) => ({ id, port: ports[id - 1]!, controller: ports[id + 2]! }));
  const controllers = nodes.map(({ controller }) => `127.0.0.1:${controller}`);
  // 16 bytes in base64 leave two bits for the last letter: A, Q, g and w are the only ones that differ.
  const quorum = nodes.map(({ id }, i) => `${id}@${controllers[i]}:dHJpYnV0YXJ5LXRlc3QtM${'AQg'[i]}`).join(',');
  const servers: TetheredProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const server of servers) await end(server);
    await folder[Symbol.asyncDispose]();
  };
  try {
    for (const { id, port, controller } of nodes) {
      const file = join(folder.path, `server-${id}.properties`);
      const properties = {
        ...defaults(join(folder.path, `node-${id}`), port, controller),
        'node.id': `${id}`,
        'controller.quorum.bootstrap.servers': controllers.join(','),
        'default.replication.factor': '3',
        'min.insync.replicas': '2',
        'offsets.topic.replication.factor': '3',
        'broker.session.timeout.ms': '3000',
        // A node that was away leads again soon.
        'leader.imbalance.check.interval.seconds': '1',
        'leader.imbalance.per.broker.percentage': '0',
      };
      writeFileSync(file, text(properties));
      await format(file, ['--initial-controllers', quorum]);
      servers.push(await spawnKafka(file));
    }
    for (const [i, server] of servers.entries()) await listening(server, nodes[i]!.port);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    bootstrap: nodes.map(({ port }) => `127.0.0.1:${port}`),
    async kill9(node) {
      const server = servers[node - 1]!;
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async restart(node) {
      const server = await spawnKafka(join(folder.path, `server-${node}.properties`));
      servers[node - 1] = server;
      await listening(server, nodes[node - 1]!.port);
    },
    [Symbol.asyncDispose]: stop,
  };
}

function defaults(folder: string, port: number, controller: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '3',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '3',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'log.retention.check.interval.ms': '1000',
    'log.initial.task.delay.ms': '500',
    'log.cleaner.backoff.ms': '500',
    'auto.create.topics.enable': 'false',
  };
}

async function launch(file: string, port: number): Promise<TetheredProcess> {
  const server = await spawnKafka(file);
  try {
    await listening(server, port);
    return server;
  } catch (error) {
    await end(server);
    throw error;
  }
}

function spawnKafka(file: string): Promise<TetheredProcess> {
  return spawnTethered('java', [...jvmOf(file), 'kafka.Kafka', file], environment());
}

async function end(server: TetheredProcess): Promise<void> {
  if (!server.hasExited()) process.kill(server.pid, 'SIGKILL');
  await server.exited;
}

async function listening(server: TetheredProcess, port: number): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (server.hasExited()) throw new Error(`Kafka did not start: ${server.output()}`);
    if (await accepts(port)) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error(`Kafka does not listen on ${port}: ${server.output()}`);
}

/** Killed, it would leave its performance data and unpacked libraries in the system's temporary folder. */
function jvmOf(file: string): readonly string[] {
  return ['-Xmx512m', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', `-Djava.io.tmpdir=${dirname(file)}`];
}

function environment(): NodeJS.ProcessEnv {
  return { ...process.env, CLASSPATH: `${kafkaJars}/*` };
}

async function format(file: string, more: readonly string[]): Promise<void> {
  const args = ['format', '-t', 'dHJpYnV0YXJ5LXRlc3QtMQ', '-c', file, ...more];
  await run('java', [...jvmOf(file), 'kafka.tools.StorageTool', ...args], { env: environment() });
}

function text(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

function accepts(port: number): Promise<boolean> {
  return new Promise((tell) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => tell(true)).once('error', () => tell(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A folder is made by one process only. One left behind by a process that was killed is taken over after ten minutes. */
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

async function fetchJars(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-pom-'));
  try {
    writeFileSync(join(folder, 'pom.xml'), pom);
    const args = ['-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime'];
    await run('mvn', [...args, `-DoutputDirectory=${kafkaJars}`], { maxBuffer: 1e8 });
    const count = readdirSync(kafkaJars).filter((name) => name.endsWith('.jar')).length;
    if (count < 20) throw new Error(`Maven brought only ${count} jars`);
    writeFileSync(done, '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
