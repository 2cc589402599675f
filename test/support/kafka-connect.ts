/** A real worker of Kafka Connect for tests: its jars from Maven in the ignored folder .cache/kafka-connect. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-ports.ts';
import { type TempFolder, tempFolder } from './temp-folder.ts';
import { spawnTethered, type TetheredProcess } from './tethered.ts';
import { toolsMissing } from './tools.ts';

const run = promisify(execFile);
const version = '4.1.0';
const jars = resolve(import.meta.dirname, '../../.cache/kafka-connect');
const done = join(jars, `complete-${version}`);
const source = join(import.meta.dirname, 'kafka-connect/WebSocketSourceConnector.java');

const pom = `<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>connect-runtime</artifactId><version>${version}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;

/** Why tests with a real worker of Connect are skipped, or false. */
export async function kafkaConnectMissing(): Promise<string | false> {
  const missing = toolsMissing(existsSync(done) ? ['java', 'javac'] : ['java', 'javac', 'mvn'], 'KAFKA_REQUIRED');
  if (missing !== false) return `No real Kafka Connect here. ${missing}`;
  try {
    await ensureJars();
    return false;
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0];
    const sentence = `No real Kafka Connect here, its jars cannot be had (${reason})`;
    if (process.env['KAFKA_REQUIRED'] === '1') throw new Error(sentence, { cause: error });
    return sentence;
  }
}

export interface KafkaConnect extends AsyncDisposable {
  readonly url: string;
  /** The worker file that it runs by. */
  readonly workerFile: string;
  /** As `kill` does: its connectors stop, and their offsets are stored. */
  stop(): Promise<void>;
}

/** A distributed worker with the stand-in of the connector for WebSockets; ready when its REST interface answers. */
export async function startKafkaConnect(bootstrap: string, groupId: string): Promise<KafkaConnect> {
  const folder = await tempFolder('kafka-connect');
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port!}`;
  const workerFile = join(folder.path, 'worker.properties');
  let server: TetheredProcess;
  try {
    const plugins = await compile(folder);
    writeFileSync(workerFile, properties(bootstrap, groupId, port!, plugins));
    const small = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const jvm = [...small, '-XX:-UsePerfData', `-Djava.io.tmpdir=${folder.path}`];
    const quiet = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
    const main = 'org.apache.kafka.connect.cli.ConnectDistributed';
    const env = { ...process.env, CLASSPATH: `${jars}/*` };
    server = await spawnTethered('java', [...jvm, quiet, main, workerFile], env);
    await answers(server, url);
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!server.hasExited()) process.kill(server.pid, signal);
    await server.exited;
  };
  return {
    url,
    workerFile,
    stop: () => end('SIGTERM'),
    async [Symbol.asyncDispose]() {
      await end('SIGKILL');
      await folder[Symbol.asyncDispose]();
    },
  };
}

function properties(bootstrap: string, groupId: string, port: number, plugins: string): string {
  return Object.entries({
    'bootstrap.servers': bootstrap,
    'group.id': groupId,
    listeners: `http://127.0.0.1:${port}`,
    'rest.advertised.host.name': '127.0.0.1',
    'config.storage.topic': `${groupId}-c`,
    'offset.storage.topic': `${groupId}-o`,
    'status.storage.topic': `${groupId}-s`,
    'config.storage.replication.factor': '1',
    'offset.storage.replication.factor': '1',
    'status.storage.replication.factor': '1',
    'offset.storage.partitions': '3',
    'status.storage.partitions': '2',
    'offset.flush.interval.ms': '300',
    'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'plugin.path': plugins,
    'plugin.discovery': 'only_scan',
  })
    .map(([key, value]) => `${key}=${value}\n`)
    .join('');
}

/** The stand-in as a plugin: a folder of its own in the plugin path. */
async function compile(folder: TempFolder): Promise<string> {
  const plugins = join(folder.path, 'plugins');
  const classes = join(folder.path, 'classes');
  mkdirSync(join(plugins, 'websocket'), { recursive: true });
  await run('javac', ['-cp', `${jars}/*`, '-d', classes, source]);
  await run('jar', ['cf', join(plugins, 'websocket/stand-in.jar'), '-C', classes, '.']);
  return plugins;
}

async function answers(server: TetheredProcess, url: string): Promise<void> {
  for (let tries = 0; tries < 900; tries++) {
    if (server.hasExited()) throw new Error(`Kafka Connect did not start: ${server.output()}`);
    const answer = await fetch(`${url}/connectors`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((wake) => setTimeout(wake, 100));
  }
  throw new Error(`Kafka Connect does not answer at ${url}: ${server.output()}`);
}

async function ensureJars(): Promise<void> {
  if (existsSync(done)) return;
  const folder = mkdtempSync(join(tmpdir(), 'tributary-pom-'));
  try {
    mkdirSync(jars, { recursive: true });
    writeFileSync(join(folder, 'pom.xml'), pom);
    const args = ['-q', '-B', '-f', join(folder, 'pom.xml'), 'dependency:copy-dependencies', '-DincludeScope=runtime'];
    await run('mvn', [...args, `-DoutputDirectory=${jars}`], { maxBuffer: 1e8 });
    writeFileSync(done, '');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
