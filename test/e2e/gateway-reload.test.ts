import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { RawWebSocket } from '../conformance/runners/gateway/web-socket.ts';
import { freePorts } from '../support/free-ports.ts';
import { NativeClient } from '../support/gateway/native-client.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type Running, startTributary, tributary } from './support/run.ts';

const alice = 'token-of-alice-0123456789';
const bob = 'token-of-bob-0123456789';

for (const command of ['gateway', 'start']) {
  test(`SIGHUP reads tokens, rules and origins anew under "${command}": who may stay stays, a bad file changes nothing`, async () => {
    await using folder = await tempFolder('gateway-reload');
    const cwd = folder.path;
    const [port, adminPort] = (await freePorts(2)) as [number, number];
    const address = `127.0.0.1:${port}`;
    const file = join(cwd, 'all.yaml');
    const write = (lines: string, more = ''): Promise<void> =>
      writeFile(
        file,
        `broker: embedded:./data\n${command === 'start' ? `worker: { listen: "127.0.0.1:${adminPort}" }\n` : ''}` +
          `gateway:\n  listen: ${address}\n  admin: 127.0.0.1:${adminPort}\n  drain: { spreadMs: 0 }\n${lines}${more}`,
      );
    const both = `  auth: { mode: token, tokens: [{ name: alice, token: ${alice} }, { name: bob, token: ${bob} }] }\n`;
    const rule = (topics: string): string =>
      `  acl: [{ who: ["*"], can: [subscribe, publish], topics: [${topics}] }]\n`;
    await write(both + rule('one, two'));
    for (const topic of ['one', 'two']) {
      equal((await tributary(['topics', 'create', topic, '--broker', 'embedded:./data'], { cwd })).code, 0);
    }
    await using running = startTributary([command, file], { cwd });
    await running.waitFor('Ctrl-C stops it');
    const first = await connect(address, alice);
    const second = await connect(address, bob);
    await first.subscribe(1, { topics: ['one'] });
    await first.subscribe(2, { topics: ['two'] });

    await write('  auth: { mode: token, tokens: [{ name: alice, token: short }] }\n');
    await hangUp(running, 'gateway_reload_failed');
    match(running.stderr() + running.stdout(), /gateway\.auth\.tokens\[0\]\.token must have at least 16 characters/);
    ok(!(running.stderr() + running.stdout()).includes(alice));
    await (await connect(address, bob)).subscribe(1, { topics: ['two'] });

    await write(
      `  auth: { mode: token, tokens: [{ name: alice, token: ${alice} }] }\n${rule('one')}`,
      '  origins: [https://app.example]\n  pingMs: 24000\n',
    );
    await hangUp(running, 'gateway_reloaded');
    const refused = await first.next('error');
    deepEqual([refused['id'], refused['code']], [2, 'forbidden']);
    const bye = await second.next('bye');
    equal(bye['code'], 'unauthorized');
    equal(await second.closed(), 4401);
    equal((await RawWebSocket.open(address, '/v1/ws', ['tributary.v1.json'], bearer(bob))).status, 401);
    await connect(address, alice, { Origin: 'https://app.example' });
    await running.waitFor('gateway_restart_needed');
    match(running.stderr() + running.stdout(), /gateway\.pingMs/);
    first.send({ type: 'pub', id: 3, topic: 'one', value: 'still here' });
    deepEqual(await first.values(1), ['still here']);

    const { code } = await running.stop('SIGTERM');
    equal(code, 0);
  });
}

async function hangUp(running: Running, event: string): Promise<void> {
  process.kill(running.pid, 'SIGHUP');
  await running.waitFor(event);
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

async function connect(address: string, token: string, headers: Record<string, string> = {}): Promise<NativeClient> {
  const { status, client } = await RawWebSocket.open(address, '/v1/ws', ['tributary.v1.json'], {
    ...bearer(token),
    ...headers,
  });
  equal(status, 101);
  const native = new NativeClient(client);
  await native.next('welcome');
  return native;
}
