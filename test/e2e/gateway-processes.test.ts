/** `gateway.processes`: several processes behind one port, over a real Kafka. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RawWebSocket } from '../conformance/runners/gateway/web-socket.ts';
import { freePorts } from '../support/free-ports.ts';
import { NativeClient } from '../support/gateway/native-client.ts';
import { type KafkaServer, kafkaMissing, startKafka } from '../support/kafka.ts';
import { type TempFolder, tempFolder } from '../support/temp-folder.ts';
import { type Running, startTributary, tributary, until } from './support/run.ts';

const skip = await kafkaMissing();
const kafka: KafkaServer | undefined = skip === false ? await startKafka() : undefined;
after(() => kafka?.[Symbol.asyncDispose]());

const token = 'token-of-alice-0123456789';

interface Stand extends AsyncDisposable {
  readonly running: Running;
  readonly address: string;
  readonly admin: string;
  readonly file: string;
  write(more: string): Promise<void>;
}

async function stand(more = '', args: readonly string[] = []): Promise<Stand> {
  const folder: TempFolder = await tempFolder('gateway-processes');
  const [port, adminPort] = (await freePorts(2)) as [number, number];
  const [address, admin] = [`127.0.0.1:${port}`, `127.0.0.1:${adminPort}`];
  const file = join(folder.path, 'gateway.yaml');
  const write = (lines: string): Promise<void> =>
    writeFile(
      file,
      `broker: kafka://${kafka!.bootstrap}\ngateway:\n  listen: ${address}\n  admin: ${admin}\n  processes: 2\n  drain: { spreadMs: 0 }\n${lines}`,
    );
  await write(more);
  const running = startTributary(['gateway', file, ...args], { cwd: folder.path });
  const dispose = async (): Promise<void> => {
    await running[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  };
  try {
    await running.waitFor('Ctrl-C stops it');
  } catch (error) {
    await dispose();
    throw error;
  }
  return { running, address, admin: `http://${admin}`, file, write, [Symbol.asyncDispose]: dispose };
}

/** Processes that it has started. */
function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}

const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}`);
const allGone = (pids: readonly number[]): Promise<void> =>
  until('no process is left', async () => !pids.some(isAlive));

async function connect(address: string, headers: Record<string, string> = {}): Promise<NativeClient | number> {
  const { status, client } = await RawWebSocket.open(address, '/v1/ws', ['tributary.v1.json'], headers);
  if (status !== 101) return status;
  const native = new NativeClient(client);
  await native.next('welcome');
  return native;
}

async function clients(count: number, address: string, headers?: Record<string, string>): Promise<NativeClient[]> {
  const opened = await Promise.all(Array.from({ length: count }, () => connect(address, headers)));
  return opened.map((client) => {
    ok(typeof client !== 'number', `answered with ${String(client)}`);
    return client;
  });
}

/** Series of the gateway's metrics, by name and labels. */
async function metrics(admin: string): Promise<Map<string, number>> {
  const lines = (await (await fetch(`${admin}/metrics`)).text()).split('\n').filter((line) => !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')).replace('tributary_gateway_', ''),
      Number(line.slice(line.lastIndexOf(' '))),
    ]),
  );
}

test('two processes share the connections of one port, and tell of themselves as one', { skip }, async () => {
  const broker = `kafka://${kafka!.bootstrap}`;
  equal((await tributary(['topics', 'create', 'shared', '--broker', broker], { cwd: '.' })).code, 0);
  await using gateway = await stand('  limits: { perIp: 30 }\n');
  const { address, admin, running } = gateway;
  const children = childrenOf(running.pid);
  equal(children.length, 2);
  const opened = await clients(29, address);
  await Promise.all(opened.map((client) => client.subscribe(1, { topics: ['shared'] })));
  opened[0]!.send({ type: 'pub', id: 2, topic: 'shared', value: 'to all' });
  for (const client of opened) deepEqual(await client.values(1), ['to all']);

  const seen = await metrics(admin);
  const [one, two] = [1, 2].map((process) => seen.get(`connections{protocol="json",process="${process}"}`) ?? 0);
  // By chance all of 29 come to one of two processes once in 268 million times.
  ok(one! > 0 && two! > 0, `${one} and ${two}`);
  equal(one! + two!, 29);
  equal(seen.get('connections_total{protocol="json"}'), 29);
  equal(seen.get('records_out_total{protocol="json",topic="shared"}'), 29);
  equal(seen.get('processes'), 2);
  deepEqual(await (await fetch(`${admin}/readyz`)).json(), {
    ready: true,
    checks: { kafka: 'ok', auth: 'ok', drain: 'no', processes: '2 of 2' },
  });
  equal((await fetch(`${admin}/healthz`)).status, 200);

  // The 30th is the last one of this address, whichever process it comes to.
  const more = await Promise.all(Array.from({ length: 6 }, () => connect(address)));
  equal(more.filter((client) => client === 429).length, 5);

  const { code } = await running.stop('SIGTERM');
  equal(code, 0);
  for (const client of opened) equal((await client.next('bye'))['code'], 'shutting_down');
  await allGone(children);
});

test('a process that dies is started anew and counted, its places are free, its clients go on where they stood, and so do the others', {
  skip,
}, async () => {
  const broker = `kafka://${kafka!.bootstrap}`;
  equal((await tributary(['topics', 'create', 'resumed', '--broker', broker], { cwd: '.' })).code, 0);
  await using gateway = await stand('  limits: { perIp: 12 }\n');
  const { address, admin, running } = gateway;
  const opened = await clients(11, address);
  await Promise.all(opened.map((client) => client.subscribe(1, { topics: ['resumed'], from: 'earliest' })));
  opened[0]!.send({ type: 'pub', id: 2, topic: 'resumed', value: 'before' });
  const told = await Promise.all(opened.map((client) => client.next('data')));
  const before = await metrics(admin);
  const openOf = (seen: ReadonlyMap<string, number>) =>
    [1, 2].map((number) => seen.get(`connections{protocol="json",process="${number}"}`) ?? 0) as [number, number];
  // Children are listed in the order of their start, which is that of their numbers.
  const children = childrenOf(running.pid) as [number, number];
  const [victim, other] = openOf(before)[0] > 0 ? children : (children.toReversed() as [number, number]);

  process.kill(victim, 'SIGSTOP');
  const health = await fetch(`${admin}/healthz`);
  equal(health.status, 503);
  deepEqual(await health.json(), { status: 'stuck', processes: [victim === children[0] ? 1 : 2] });
  equal((await metrics(admin)).get('connections_total{protocol="json"}'), 11); // what it said last still counts

  process.kill(victim, 'SIGKILL');
  await running.waitFor('gateway_process_ended');
  await until('two serve again', async () => (await metrics(admin)).get('processes') === 2);
  const after = await metrics(admin);
  equal(after.get('process_restarts_total'), 1);
  ok(after.get('connections_total{protocol="json"}')! >= 11);
  ok(childrenOf(running.pid).includes(other));
  const open = openOf(after)[0] + openOf(after)[1];
  ok(open < 11);
  const lost = opened.filter(({ socket }) => socket.closes.items.length > 0);
  equal(lost.length, 11 - open);
  for (const client of lost) {
    const [again] = await clients(1, address);
    const at = opened.indexOf(client);
    await again!.subscribe(1, { topics: ['resumed'], from: { pos: told[at]!['pos'] } });
    opened[at] = again!;
  }
  const [last] = await clients(1, address);
  equal(await connect(address), 429);
  last!.send({ type: 'pub', id: 1, topic: 'resumed', value: 'after' });
  for (const client of opened) deepEqual(await client.values(1), ['after']);

  const all = childrenOf(running.pid);
  process.kill(running.pid, 'SIGKILL'); // nobody supervises them any more
  await allGone(all);
});

test('SIGHUP has every process read the files anew; a second Ctrl-C ends all at once', { skip }, async () => {
  const auth = (name: string): string => `  auth: { mode: token, tokens: [{ name: ${name}, token: ${token} }] }\n`;
  await using gateway = await stand(auth('alice'));
  const { address, running } = gateway;
  const bearer = { Authorization: `Bearer ${token}` };
  const opened = await clients(12, address, bearer);
  await gateway.write('  auth: { mode: token, tokens: [{ name: alice, token: short }] }\n');
  process.kill(running.pid, 'SIGHUP');
  await running.waitFor('gateway_reload_failed');
  await gateway.write(auth('alice').replace(token, `${token}-new`));
  process.kill(running.pid, 'SIGHUP');
  await running.waitFor('gateway_reloaded');
  for (const client of opened) equal((await client.next('bye'))['code'], 'unauthorized');
  for (let i = 0; i < 6; i++) equal(await connect(address, bearer), 401);
  ok(!(running.stdout() + running.stderr()).includes(token));

  const children = childrenOf(running.pid);
  running.child.kill('SIGINT');
  running.child.kill('SIGINT');
  await running.ended;
  await allGone(children);
});

test('more than one process is refused with the reason where the broker is embedded, and beside a worker', async () => {
  await using folder = await tempFolder('gateway-processes');
  const cwd = folder.path;
  const alone = await tributary(['gateway', '--processes', '2'], { cwd });
  ok(alone.code !== 0);
  match(alone.stderr, /gateway\.processes "2" wants a Kafka: the files of "embedded:.*" belong to one process/);
  await writeFile(join(cwd, 'all.yaml'), 'gateway:\n  processes: 2\n');
  const beside = await tributary(['start', 'all.yaml'], { cwd });
  ok(beside.code !== 0);
  match(beside.stderr, /gateway\.processes "2" wants a gateway that runs alone/);
  const none = await tributary(['gateway', '--processes', '0'], { cwd });
  ok(none.code !== 0);
  match(none.stderr, /processes.*"?0"?.*a whole number from 1 to 256/);
});

test('a port that is taken is told once, and nothing is left running', { skip }, async () => {
  await using gateway = await stand();
  const again = await tributary(['gateway', gateway.file], { cwd: '.' });
  ok(again.code !== 0);
  match(again.stderr, /Cannot listen on 127\.0\.0\.1:\d+: port \d+ is in use by another program/);
  equal(again.stderr.trim().split('\n').length, 1, again.stderr);
  equal((await gateway.running.stop()).code, 0);
});
