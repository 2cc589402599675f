/** A secret in every place where one can stand, and then everything that the program says, looked through. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { tributary, until } from './support/run.ts';
import { startWorker } from './support/worker.ts';

/** Each place has a text of its own, so that a find names the place. */
const canary = (place: string): string => `canary-${place}-7f3a`;
const env = { CANARY: canary('env'), IN_MESSAGE: canary('in-message') };

/** A server that refuses, and repeats in its refusal all that it was sent; one path has an event. */
async function parrot() {
  const server = createServer((request, response) => {
    if (request.url === '/stream') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\ndata: {"a":1}\n\n');
      return;
    }
    if (request.url?.startsWith('/subjects/')) {
      response.writeHead(422).end(JSON.stringify({ message: `Not for ${request.headers.authorization}` }));
      return;
    }
    response.writeHead(
      503,
      JSON.stringify(request.headers)
        .replace(/[^\x20-\x7e]/g, '')
        .slice(0, 400),
    );
    response.end(`${request.url} ${JSON.stringify(request.headers)}`);
  });
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {}); // whoever was refused may cut the connection first
    const body = `${request.url} ${JSON.stringify(request.headers)}`;
    socket.end(`HTTP/1.1 503 No ${body.replace(/\s+/g, ' ')}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const connectorsOf = (port: number, folder: string): Readonly<Record<string, Readonly<Record<string, string>>>> => ({
  url: {
    'connector.class': 'websocket',
    'websocket.url': `ws://me:${canary('user-info')}@127.0.0.1:${port}/x?symbol=a&token=${canary('parameter')}`,
    'websocket.headers': `X-A:1,X-Api-Key:${canary('header')}`,
    'kafka.topic': 'url',
    'errors.log.enable': 'true',
  },
  token: {
    'connector.class': 'websocket',
    'websocket.url': `ws://127.0.0.1:${port}/y`,
    'websocket.auth.token': canary('password-option'),
    'websocket.subscription.message': `{"op":"login","token":"${canary('member')}"}`,
    'websocket.tls.passphrase': canary('passphrase'),
    'kafka.topic': 'token',
    'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
    'producer.override.sasl.jaas.config': `x required password="${canary('override')}";`,
  },
  references: {
    'connector.class': 'websocket',
    'websocket.url': `ws://127.0.0.1:${port}/z?key=\${file:${folder}/secrets.properties:key}`,
    'websocket.auth.token': `\${env:CANARY}`,
    'websocket.subscription.message': `login \${env:IN_MESSAGE}`,
    'websocket.headers': `X-Plain:\${dir:${folder}:secret.txt}`,
    'kafka.topic': 'references',
  },
  events: {
    'connector.class': 'sse',
    'sse.uri': `http://me:${canary('sse-user-info')}@127.0.0.1:${port}/s?api_key=${canary('sse-parameter')}`,
    'http.header.X-Api-Key': canary('sse-header'),
    'http.header.Cookie': `a=${canary('sse-cookie')}`,
    'sse.proxy': `http://me:${canary('sse-proxy')}@127.0.0.1:${port}`,
    'retry.backoff.initial.ms': '1',
    topic: 'events',
  },
  basic: {
    'connector.class': 'sse',
    'sse.uri': `http://127.0.0.1:${port}/basic`,
    'http.basic.auth': 'true',
    'http.basic.auth.username': 'me',
    'http.basic.auth.password': canary('sse-basic'),
    topic: 'basic',
  },
  oauth: {
    'connector.class': 'sse',
    'sse.uri': `http://127.0.0.1:${port}/oauth`,
    'sse.oauth2.token.url': `http://127.0.0.1:${port}/token?key=${canary('token-url')}`,
    'sse.oauth2.client.id': 'me',
    'sse.oauth2.client.secret': canary('client-secret'),
    topic: 'oauth',
  },
  sql: {
    'connector.class': 'sql',
    'sql.text': [
      "CREATE STREAM S (a LONG) WITH (type = 'source', extension = 'websocket', format = 'json',",
      `  websocket.url = 'ws://127.0.0.1:${port}/sql?token=${canary('sql-parameter')}',`,
      `  "websocket.headers.Authorization" = 'Bearer ${canary('sql-header')}');`,
      "CREATE STREAM E (a LONG) WITH (type = 'source', extension = 'sse', format = 'json',",
      `  sse.url = 'http://127.0.0.1:${port}/sql', "sse.headers.X-Api-Key" = '${canary('sql-sse')}');`,
      `-- "websocket.headers.Authorization" = 'Bearer ${canary('sql-comment')}'`,
      "CREATE STREAM T (a LONG) WITH (type = 'sink', extension = 'kafka', format = 'json', kafka.topic = 'sql');",
      'INSERT INTO T SELECT a FROM S;',
      'INSERT INTO T SELECT a FROM E;',
    ].join('\n'),
  },
  letters: {
    'connector.class': 'sse',
    'sse.uri': `http://127.0.0.1:${port}/stream`,
    topic: 'letters',
    'value.converter': 'io.confluent.connect.avro.AvroConverter',
    'value.converter.schema.registry.url': `http://127.0.0.1:${port}`,
    'value.converter.bearer.auth.token': canary('registry'),
    'errors.tolerance': 'all',
    'errors.log.enable': 'true',
    'errors.deadletterqueue.topic.name': 'dead',
    'errors.deadletterqueue.context.headers.enable': 'true',
  },
  failing: {
    'connector.class': 'websocket',
    'websocket.url': `ws://127.0.0.1:${port}/f?password=${canary('failing')}`,
    'websocket.reconnect.max.attempts': '1',
    'websocket.reconnect.interval.ms': '1',
    'kafka.topic': 'failing',
  },
});

function yaml(connectors: ReturnType<typeof connectorsOf>): string {
  return JSON.stringify({
    rest: {
      users: { ada: { password: canary('rest-user'), role: 'admin' } },
      tokens: { ci: { token: canary('rest-token'), role: 'admin' } },
    },
    log: { level: 'debug' },
    connectors,
  });
}

/** Keys, values and headers of a topic, read out of the store after the worker's end. */
async function recordsOf(directory: string, topic: string): Promise<string> {
  await using broker = await openEmbeddedBroker({ directory, codecs });
  const texts: string[] = [];
  const { partitions } = await broker.describeTopic(topic);
  for (const partition of partitions.keys()) {
    for await (const { records } of broker.read({ topic, partition, from: 'earliest', until: 'end' })) {
      for (const { key, value, headers } of records) {
        texts.push(`${key} ${value}`, ...headers.map((header) => `${header.key}=${header.value}`));
      }
    }
  }
  return texts.join('\n');
}

test('a secret in every place where one can stand is seen nowhere', { timeout: 300_000 }, async () => {
  await using folder = await tempFolder('secrets');
  await using server = await parrot();
  writeFileSync(join(folder.path, 'secrets.properties'), `key=${canary('file')}\n`);
  writeFileSync(join(folder.path, 'secret.txt'), canary('dir'));
  const connectors = connectorsOf(server.port, folder.path);
  writeFileSync(join(folder.path, 'feed.yaml'), yaml(connectors));
  const said: string[] = [];
  const keep = async (what: string, answer: Response): Promise<number> => {
    said.push(`${what}: ${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`);
    return answer.status;
  };

  await using worker = await startWorker(['start', 'feed.yaml'], { cwd: folder.path, env });
  const headers = { authorization: `Bearer ${canary('rest-token')}` };
  const ask = async (method: string, path: string, body?: unknown): Promise<number> => {
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const init = { method, headers: { ...headers, ...json }, body: body === undefined ? null : JSON.stringify(body) };
    return keep(`${method} ${path}`, await fetch(worker.url + path, init));
  };

  // Every connector has met the server, and one has given up.
  await until('the connectors have been refused', async () => {
    const status = await (await fetch(`${worker.url}/connectors?expand=status`, { headers })).text();
    const letters = await (await fetch(`${worker.url}/topics/dead`, { headers })).text();
    if (!/"latest":[1-9]/.test(letters)) return false;
    return status.includes('"FAILED"') && (status.match(/503/g) ?? []).length >= 6;
  });

  for (const path of ['', '?expand=status&expand=info']) equal(await ask('GET', `/connectors${path}`), 200);
  for (const name of Object.keys(connectors)) {
    for (const part of ['', '/config', '/status', '/tasks', '/tasks/0/status', '/offsets', '/topics', '/tasks-config'])
      await ask('GET', `/connectors/${name}${part}`);
  }
  for (const path of ['/', '/health', '/metrics', '/topics', '/admin/loggers', '/connector-plugins', '/openapi.json'])
    await ask('GET', path);
  for (const table of ['configs', 'offsets', 'status'])
    equal(await ask('GET', `/tap/tributary-${table}?from=earliest&follow=false`), 403);
  for (const name of ['url', 'token', 'references', 'failing'])
    await ask('GET', `/tap/${name}?from=earliest&follow=false`);

  // What is wrong is said, and never with the secret.
  const broken = {
    ...connectors['url'],
    'websocket.url': `http://me:${canary('broken-url')}@h/?token=${canary('broken')}`,
  };
  equal(await ask('POST', '/connectors', { name: 'b', config: broken }), 400);
  equal(await ask('PUT', '/connectors/url/config', broken), 400);
  await ask('PATCH', '/connectors/url/config', { 'websocket.auth.token': canary('patched'), 'kafka.topic': null });
  await ask('PUT', '/connector-plugins/websocket/config/validate', { ...broken, name: 'b' });
  await ask('PUT', '/connector-plugins/websocket/config/validate', { ...connectors['token'], name: 'token' });
  const dangling = { ...connectors['token'], 'websocket.auth.token': `${canary('dangling')}\${env:NOT_THERE}` };
  await ask('PUT', '/connectors/dangling/config', dangling);
  await keep('wrong login', await fetch(`${worker.url}/`, { headers: { authorization: `Bearer ${canary('wrong')}` } }));
  await keep(
    'no JSON',
    await fetch(`${worker.url}/connectors`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: `{"token": "${canary('no-json')}`,
    }),
  );

  // What was masked and is sent back stays what it was, and what is created anew is hidden at once.
  for (const [name, config] of Object.entries(connectors)) {
    const shown = (await (await fetch(`${worker.url}/connectors/${name}/config`, { headers })).json()) as object;
    equal(await ask('PUT', `/connectors/${name}/config`, { ...shown, 'tasks.max': '1' }), 200, name);
    ok(Object.keys(shown).length > Object.keys(config).length);
  }
  // Over REST keys that no converter has are stored: what they are named after is hidden all the same.
  const login = { 'value.converter.basic.auth.user.info': `me:${canary('converter')}` };
  const config = { ...connectors['token'], ...login, 'kafka.topic': 'new' };
  equal(await ask('POST', '/connectors', { name: 'new', config }), 201);
  for (const part of ['', '/config', '/status', '/tasks']) equal(await ask('GET', `/connectors/new${part}`), 200);
  equal(await ask('POST', '/connectors/failing/restart?includeTasks=true'), 202);
  equal(await ask('DELETE', '/connectors/new'), 204);

  const { stdout, stderr } = await worker.stop('SIGINT');
  said.push(`stdout: ${stdout}`, `stderr: ${stderr}`);

  const dry = await tributary(['dry-run', 'feed.yaml'], { cwd: folder.path, env });
  said.push(`dry-run: ${dry.stdout} ${dry.stderr}`);
  const broken2 = { ...connectors, url: broken };
  writeFileSync(join(folder.path, 'broken.yaml'), yaml(broken2));
  for (const command of [
    ['validate', 'broken.yaml'],
    ['start', 'broken.yaml'],
    ['dry-run', 'broken.yaml'],
  ]) {
    const { code, stdout: out, stderr: err } = await tributary(command, { cwd: folder.path, env });
    equal(code, 1);
    said.push(`${command.join(' ')}: ${out} ${err}`);
  }

  const dead = await recordsOf(join(folder.path, 'data'), 'dead');
  match(dead, /exception\.message=The schema registry answered 422 .*: Not for Bearer \*{6}/);
  said.push(`dead letters: ${dead}`);

  const found = said.flatMap((text) =>
    [...text.matchAll(/.{0,80}canary-[\w-]+-7f3a.{0,40}/g)].map(([where]) => `${text.slice(0, 40)} … ${where}`),
  );
  deepEqual(found, []);
  // And it was all there to be found: the store has the secrets, and the servers were reached.
  const stored = readFileSync(join(folder.path, 'data', 'tributary.db'));
  ok(
    stored.includes(canary('user-info')) ||
      readFileSync(join(folder.path, 'data', 'tributary.db-wal')).includes(canary('user-info')),
  );
  ok(said.some((text) => text.includes('******')));
});
