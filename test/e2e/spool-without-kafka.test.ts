/** Starts of a worker while its Kafka is away: what it receives by what it knows, what it shows, and what it refuses. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import { startLedgerServer } from '../support/ledger-server.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { startTributary, tributary, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const patienceMs = 60_000;
const received = 'kafka_connect_source_task_source_record_write_total';
const waits =
  'The worker waits for its Kafka, which cannot be reached; tasks with a spool receive meanwhile. The log says why';

/** A file with a spooled and an unspooled connector of one feed, for a Kafka that is not there. */
async function nobodysKafka(folder: string, feed: string, more = ''): Promise<void> {
  const [port] = await freePorts(1);
  const connector = (name: string, mode: string): string => `  ${name}:
    connector.class: websocket
    websocket.url: ${feed}
    websocket.reconnect.interval.ms: 50
    kafka.topic: ${name}
    spool.mode: ${mode}
`;
  const connectors = connector('kept', 'exactly-once') + connector('bare', 'off');
  await writeFile(join(folder, 'feed.yaml'), `broker: kafka://127.0.0.1:${port}\n${more}connectors:\n${connectors}`);
}

test('a worker that has never seen its Kafka receives what its file wants spooled, shows it, and refuses changes', async () => {
  await using folder = await tempFolder('without-kafka');
  await using feed = await startLedgerServer({ perTick: 2 });
  await nobodysKafka(folder.path, feed.url);
  const lookAt = async (url: string, path: string, method = 'GET'): Promise<readonly [number, unknown]> => {
    const answer = await fetch(`${url}${path}`, { method });
    return [answer.status, await answer.json()];
  };
  {
    await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
    await until('it receives', async () => (await worker.metric(received)) > 20, patienceMs);
    const [status, told] = await lookAt(worker.url, '/connectors/kept/status');
    const { connector, tasks } = told as { connector: { state: string }; tasks: { state: string; detail?: string }[] };
    deepEqual([status, connector.state, tasks.map(({ state }) => state)], [200, 'RUNNING', ['RUNNING']]);
    const [, bare] = await lookAt(worker.url, '/connectors/bare/status');
    equal((bare as typeof told as { connector: { state: string } }).connector.state, 'UNASSIGNED');
    deepEqual(await lookAt(worker.url, '/connectors'), [200, ['bare', 'kept']]);
    const refused = [503, { error_code: 503, message: waits }];
    deepEqual(await lookAt(worker.url, '/connectors/kept/pause', 'PUT'), refused);
    deepEqual(await lookAt(worker.url, '/connectors/kept', 'DELETE'), refused);
    deepEqual(await lookAt(worker.url, '/connectors/kept/offsets'), refused);
    deepEqual(await lookAt(worker.url, '/'), refused);
    deepEqual(await lookAt(worker.url, '/health'), [
      503,
      { status: 'starting', message: `Worker is still starting up: ${waits}.` },
    ]);
    equal(feed.mostOpen(), 1, 'what has no spool waits');
    const listed = await tributary(['spool', 'ls', '--url', worker.url], { cwd: folder.path });
    match(listed.stdout, /^kept +0 +kept +\d+ .* exactly-once$/m);
    await worker.stop('SIGKILL');
  }
  await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
  await until('it receives again', async () => (await worker.metric(received)) > 20, patienceMs);
  const { code, stdout } = await worker.stop('SIGTERM');
  equal(code, 0);
  match(stdout, /Stopped\. The broker does not answer \(Kafka was not there yet\); all that was received is stored/);
});

test('told not to, it waits: the spool is shown all the same, and nothing else', async () => {
  await using folder = await tempFolder('without-kafka');
  await using feed = await startLedgerServer({ perTick: 2 });
  await nobodysKafka(folder.path, feed.url);
  {
    await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path });
    await until('it receives', async () => (await worker.metric(received)) > 20, patienceMs);
    await worker.stop('SIGTERM');
  }
  await nobodysKafka(folder.path, feed.url, 'spool.start.without.kafka: false\n');
  const [port] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  await using waiting = startTributary(['start', 'feed.yaml', '--listen', `127.0.0.1:${port}`], { cwd: folder.path });
  await until(
    'somebody answers',
    () =>
      fetch(`${url}/health`).then(
        () => true,
        () => false,
      ),
    patienceMs,
  );
  const spool = await fetch(`${url}/spool`);
  equal(spool.status, 200);
  const [log] = (await spool.json()) as { connector: string; records: number }[];
  equal(log!.connector, 'kept');
  ok(log!.records > 20, String(log!.records));
  const shown = await tributary(['spool', 'inspect', 'kept', '-n', '2', '--url', url], { cwd: folder.path });
  equal(shown.stdout.trim().split('\n').length, 2, shown.stderr);
  equal((await fetch(`${url}/connectors`)).status, 503);
  equal(feed.connections.length, 1);
  const { code, stdout } = await waiting.stop('SIGTERM');
  deepEqual([code, stdout], [0, 'Stopped before it had started.\n']);
});
