import { deepEqual, match, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { fakeWorker } from '../../test/support/fake-worker.ts';
import { silentLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { connectClient } from './client.ts';
import { listen } from './listen.ts';
import { buildRestServer } from './server.ts';

function build(worker = fakeWorker()) {
  return buildRestServer({
    worker,
    registry: new MetricRegistry(),
    version: '0.1.0',
    maskSecrets: false,
    log: silentLog,
  });
}

test('a port in use is named, with the option that changes it', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const server = build();
  try {
    await rejects(listen(server, { host: '127.0.0.1', port, option: '--listen' }), {
      code: 'ADDRESS_IN_USE',
      message: `Cannot listen on 127.0.0.1:${port}: port ${port} is in use by another program. Choose another one with --listen`,
    });
  } finally {
    await server.close();
    other.close();
  }
});

test('an address that this machine has not is named', async () => {
  const server = build();
  try {
    await rejects(listen(server, { host: '192.0.2.1', port: 0, option: '--listen' }), {
      code: 'USAGE',
      message: 'Cannot listen on 192.0.2.1:0: this machine has no such address. Change it with --listen',
    });
  } finally {
    await server.close();
  }
});

test('the client does over HTTP what the worker offers', async () => {
  const worker = fakeWorker();
  const server = build(worker);
  try {
    const client = connectClient(`${await listen(server, { host: '127.0.0.1', port: 0, option: '--listen' })}/`);
    match((await client.info()).version, /^\d+\.\d+\.\d+$/);
    deepEqual((await client.health()).status, 'healthy');
    await client.create('a b', { 'connector.class': 'Fake' }, 'STOPPED');
    await client.putConfig('a b', { 'connector.class': 'Fake', x: '1' });
    deepEqual(Object.keys(await client.connectors()), ['a b']);
    deepEqual((await client.connector('a b')).config['x'], '1');
    deepEqual((await client.status('a b')).connector.state, 'RUNNING');
    deepEqual((await client.tasks('a b')).length, 1);
    deepEqual(await client.offsets('a b'), { offsets: [] });
    await client.pause('a b');
    await client.resume('a b');
    await client.stop('a b');
    await client.restart('a b');
    await client.restart('a b', { includeTasks: true, onlyFailed: true });
    await client.restartTask('a b', 0);
    await rejects(client.connector('ghost'), { code: 'NOT_FOUND', message: 'Connector ghost not found' });
    await rejects(client.create('a b', {}), { code: 'CONFLICT', message: 'Connector a b already exists' });
    await rejects(client.create('b', { name: 'c' }), { code: 'CONFIG_INVALID' });
    await client.delete('a b');
    deepEqual(worker.calls, [
      'create a b STOPPED',
      'put a b',
      'pause a b',
      'resume a b',
      'stop a b',
      'restart a b',
      'restart a b includeTasks onlyFailed',
      'restart a b-0',
      'create a b RUNNING',
      'delete a b',
    ]);
  } finally {
    await server.close();
  }
});

test('the client says which worker it cannot reach', async () => {
  const server = build();
  const url = await listen(server, { host: '127.0.0.1', port: 0, option: '--listen' });
  await server.close();
  await rejects(connectClient(url).info(), {
    code: 'CONNECTION_FAILED',
    message: new RegExp(`^Cannot reach ${url}: `),
  });
});
