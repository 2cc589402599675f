/** A client that others wrote (npm: kafka-connect-client) drives a worker through the life of a connector. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KafkaConnectClient } from 'kafka-connect-client';
import { type ConnectWorker, connectWorker, isAll, webSocketClass } from '../support/connect-worker.ts';

let worker: ConnectWorker;
let client: KafkaConnectClient;

before(async () => {
  worker = await connectWorker();
  client = new KafkaConnectClient({ protocol: 'http', host: '127.0.0.1', port: worker.port });
});
after(async () => worker?.[Symbol.asyncDispose]());

const config = (more: Record<string, string> = {}): Record<string, string> => ({
  'connector.class': webSocketClass,
  'websocket.url': worker.feed.three,
  'kafka.topic': 'client-t',
  ...more,
});
const running = (name: string) => worker.until(`GET /connectors/${name}/status`, isAll('RUNNING'));

test('it reads the cluster and the plugins', async () => {
  const { data } = await client.getCluster();
  equal(data.version, '4.1.0');
  const plugins = (await client.getConnectorPlugins()).data;
  ok(plugins.some((plugin) => plugin.class === webSocketClass && plugin.type === 'source'));
  const all = (await client.getConnectorPlugins({ connectorsOnly: false })).data;
  ok(all.length > plugins.length);
});

test('it validates a configuration', async () => {
  const { data } = await client.validateConnectorConfig(webSocketClass, {
    name: 'v',
    'connector.class': webSocketClass,
  });
  equal(data.name, webSocketClass);
  equal(data.error_count, 3);
});

test('it leads a connector through its life', async () => {
  const connector = client.connector('npm');
  const created = await client.createConnector('npm', config());
  deepEqual([created.status, created.data.name, created.data.type], [201, 'npm', 'source']);
  await running('npm');
  deepEqual((await client.getConnectors()).data, ['npm']);
  // It writes `expand[]=info`, a parameter that Kafka Connect does not know either.
  deepEqual((await client.getConnectors({ expand: ['info', 'status'] })).data as unknown, ['npm']);
  equal((await connector.get()).data.config['kafka.topic'], 'client-t');
  equal((await connector.getStatus()).data.tasks.length, 1);
  equal((await connector.getTasks()).data.length, 1);
  equal((await connector.getTaskStatus(0)).data.state, 'RUNNING');

  equal((await connector.updateConfig(config({ name: 'npm', 'tasks.max': '2' }))).data.config['tasks.max'], '2');
  await running('npm');
  equal((await connector.getConfig()).data['tasks.max'], '2');

  // Its options go into the body, which the worker does not read.
  equal((await connector.restart({ includeTasks: true })).status, 204);
  await running('npm');
  equal((await connector.restartTask(0)).status, 204);
  await running('npm');

  equal((await connector.pause()).status, 202);
  await worker.until('GET /connectors/npm/status', isAll('PAUSED'));
  equal((await connector.resume()).status, 202);
  await running('npm');
  await worker.until('GET /connectors/npm/topics', ({ body }) => JSON.stringify(body).includes('client-t'));
  equal((await connector.resetTopics()).status, 202);

  await rejects(connector.resetOffsets(), (error: { response?: { status: number; data: { error_code: number } } }) => {
    deepEqual([error.response?.status, error.response?.data.error_code], [400, 400]);
    return true;
  });
  equal((await connector.stop()).status, 204);
  await worker.until('GET /connectors/npm/status', ({ body }) => JSON.stringify(body).includes('STOPPED'));
  const partition = { websocket_url: worker.feed.three };
  const offset = { session_id: '00000000-0000-4000-8000-000000000001', sequence: 41 };
  equal((await connector.alterOffsets([{ partition, offset }])).status, 200);
  deepEqual((await connector.getOffsets()).data, { offsets: [{ partition, offset }] });
  equal((await connector.resetOffsets()).status, 200);
  deepEqual((await connector.getOffsets()).data, { offsets: [] });

  equal((await connector.delete()).status, 204);
  await rejects(connector.get(), (error: { response?: { status: number } }) => error.response?.status === 404);
});
