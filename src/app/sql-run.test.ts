import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from '../../test/support/cli.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';

/** Refuses every handshake with a line that repeats what it was sent, as some servers do. */
async function repeatingServer(): Promise<Server & AsyncDisposable> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      const said = String(bytes).split('\r\n').join(' ');
      socket.end(`HTTP/1.1 403 Forbidden\r\nContent-Length: ${said.length}\r\nX-Said: ${said}\r\n\r\n${said}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(server, { [Symbol.asyncDispose]: async () => void server.close() });
}

test('sql run without a broker says what cannot be reached', async () => {
  await using folder = await tempFolder('sql-run');
  const file = join(folder.path, 'app.sql');
  await writeFile(
    file,
    `CREATE STREAM Feed (a LONG) WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'in');
     INSERT INTO Out SELECT a FROM Feed;`,
  );
  // Nobody listens on port 1.
  const { code, stderr } = await runCommand(['sql', 'run', file, '--broker', 'kafka://127.0.0.1:1']);
  equal(code, 1);
  match(stderr, /Cannot reach 127\.0\.0\.1:1/);
});

test('sql run takes a limit of state, which must be a number of at least 1', async () => {
  await using folder = await tempFolder('sql-run');
  const file = join(folder.path, 'app.sql');
  await writeFile(file, 'CREATE STREAM Feed (a LONG); INSERT INTO Out SELECT a FROM Feed;');
  const { code, stderr } = await runCommand(['sql', 'run', file, '--max-state', '0']);
  equal(code, 1);
  match(stderr, /Cannot keep at most "0" entries of state/);
});

test('sql run tells no secret of its script, whatever a server answers', async () => {
  await using server = await repeatingServer();
  await using folder = await tempFolder('sql-run');
  const address = server.address();
  ok(typeof address === 'object' && address !== null);
  const file = join(folder.path, 'app.sql');
  await writeFile(
    file,
    `CREATE STREAM Feed (a LONG) WITH (type = 'source', extension = 'websocket', format = 'json', websocket.reconnect = false,
       websocket.url = 'ws://127.0.0.1:${address.port}/?token=canary-parameter',
       "websocket.headers.Authorization" = 'Bearer canary-header');
     CREATE STREAM Out (a LONG) WITH (type = 'sink', extension = 'log', format = 'json');
     INSERT INTO Out SELECT a FROM Feed;`,
  );
  const { code, stdout, stderr } = await runCommand(['sql', 'run', file]);
  equal(code, 1);
  match(stderr, /403/);
  deepEqual((stdout + stderr).match(/canary-\w+/g), null);
});
