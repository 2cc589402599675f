/** A real Apache Kafka for tests: one KRaft node, or three. */
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePorts } from './free-ports.ts';
import {
  type Collector,
  copyFormatted,
  ensureKafkaJars,
  formatKafka,
  javaEnvironment,
  jvmOf,
  kafkaToolsMissing,
} from './kafka-jars.ts';
import { tempFolder } from './temp-folder.ts';
import { spawnTethered, type TetheredProcess } from './tethered.ts';

/** Fetches and prepares what is needed, where it is not there yet. Throws one sentence. */
export function ensureKafka(): Promise<void> {
  let port = 0;
  const propertiesIn = async (folder: string): Promise<string> => {
    const [own, controller] = (await freePorts(2)) as [number, number];
    port = own;
    return text(defaults(folder, own, controller));
  };
  return ensureKafkaJars(propertiesIn, async (file, flags) => {
    const server = await launch(file, port, [...jvmOf(file), ...flags]);
    process.kill(server.pid, 'SIGTERM');
    await server.exited;
  });
}

/** Why tests with a real Kafka are skipped, or false. With KAFKA_REQUIRED=1 a Kafka that cannot be had is a failure. */
export async function kafkaMissing(): Promise<string | false> {
  const missing = kafkaToolsMissing();
  if (missing !== false) return `No real Kafka here. ${missing}`;
  try {
    await ensureKafka();
    return false;
  } catch (error) {
    const sentence = `No real Kafka here, it cannot be had (${(error as Error).message.split('\n')[0]})`;
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
  /** Default: `serial`. */
  readonly collector?: Collector;
}

/** `properties` go over the defaults, which make a small node that starts fast. */
export async function startKafka(
  properties: Readonly<Record<string, string>> = {},
  { readyPort, scram = [], collector }: KafkaOptions = {},
): Promise<KafkaServer> {
  await ensureKafka();
  const folder = await tempFolder('kafka');
  const [free, controller] = (await freePorts(2)) as [number, number];
  const port = readyPort ?? free;
  const file = join(folder.path, 'server.properties');
  writeFileSync(file, text({ ...defaults(folder.path, port, controller), ...properties }));
  const users = scram.flatMap((user) => ['--add-scram', user]);
  const start = (): Promise<TetheredProcess> => launch(file, port, jvmOf(file, collector));
  let server: TetheredProcess;
  try {
    if (users.length === 0) copyFormatted(join(folder.path, 'data'));
    else await formatKafka(file, users);
    server = await start();
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
      server = await start();
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
  const quorum = nodes.map(({ id }, i) => `${id}@${controllers[i]}`).join(',');
  const servers: TetheredProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const server of servers) await end(server);
    await folder[Symbol.asyncDispose]();
  };
  try {
    for (const { id, port, controller } of nodes) {
      const file = join(folder.path, `server-${id}.properties`);
      const properties = {
        ...ofAnyNode(join(folder.path, `node-${id}`), port, controller),
        'node.id': `${id}`,
        'controller.quorum.voters': quorum,
        'default.replication.factor': '3',
        'min.insync.replicas': '2',
        'offsets.topic.replication.factor': '3',
        'transaction.state.log.replication.factor': '3',
        'transaction.state.log.min.isr': '2',
        'broker.session.timeout.ms': '3000',
        // A node that was away leads again soon.
        'leader.imbalance.check.interval.seconds': '1',
        'leader.imbalance.per.broker.percentage': '0',
      };
      writeFileSync(file, text(properties));
      copyFormatted(join(folder.path, `node-${id}`, 'data'), id);
      servers.push(await spawnKafka(file, jvmOf(file)));
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
      const file = join(folder.path, `server-${node}.properties`);
      const server = await spawnKafka(file, jvmOf(file));
      servers[node - 1] = server;
      await listening(server, nodes[node - 1]!.port);
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Of a node that is alone. */
function defaults(folder: string, port: number, controller: number): Record<string, string> {
  const quorum = { 'controller.quorum.voters': `1@127.0.0.1:${controller}` };
  return { ...ofAnyNode(folder, port, controller), 'node.id': '1', ...quorum };
}

function ofAnyNode(folder: string, port: number, controller: number): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
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

async function launch(file: string, port: number, flags: readonly string[]): Promise<TetheredProcess> {
  const server = await spawnKafka(file, flags);
  try {
    await listening(server, port);
    return server;
  } catch (error) {
    await end(server);
    throw error;
  }
}

function spawnKafka(file: string, flags: readonly string[]): Promise<TetheredProcess> {
  return spawnTethered('java', [...flags, 'kafka.Kafka', file], javaEnvironment());
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
