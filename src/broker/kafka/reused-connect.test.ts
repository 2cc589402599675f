import { deepEqual, equal, ok } from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, createConnection, createServer } from 'node:net';
import { test } from 'node:test';
import { connectReusing } from './reused-connect.ts';
import { loadToolkit } from './toolkit.ts';

test('a socket that is opened meanwhile, and no later one, reads into the same memory again and again', async () => {
  const before = net.createConnection;
  await using server = createServer((socket) => socket.write('hello '));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  let socket: net.Socket | undefined;
  const { connected, read } = connectReusing(async () => {
    socket = createConnection({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
  });
  const [[client]] = await Promise.all([once(server, 'connection'), connected]);
  equal(net.createConnection, before);
  equal(createConnection, before);
  ok(read !== undefined && socket !== undefined);
  await once(socket, 'readable');
  const memories = new Set<ArrayBufferLike>();
  const heard: string[] = [];
  const end = Promise.withResolvers<void>();
  const held = read.divert(socket, (bytes) => {
    memories.add(bytes.buffer);
    heard.push(Buffer.from(bytes).toString());
    if (heard.join('').endsWith('.')) end.resolve();
    else (client as net.Socket).write('you.');
  });
  (client as net.Socket).write('there ');
  await end.promise;
  deepEqual(held.toString() + heard.join(''), 'hello there you.');
  equal(memories.size, 1);
  socket.destroy();
  (client as net.Socket).destroy();
});

test('where nothing is opened there is nothing to read', async () => {
  const { connected, read } = connectReusing(async () => {});
  await connected;
  equal(read, undefined);
});

test('a connection of the client library reads so: it still opens its socket at once, by createConnection of node:net', async () => {
  await using server = createServer((socket) => socket.on('error', () => {}));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { Connection } = await loadToolkit();
  const connection = new Connection('me', { connectTimeout: 60_000 });
  try {
    const { connected, read } = connectReusing(async () => connection.connect('127.0.0.1', port));
    await connected;
    ok(read !== undefined, 'its socket reads as sockets do');
    equal(read.socket, connection.socket);
  } finally {
    connection.socket?.destroy();
  }
});
