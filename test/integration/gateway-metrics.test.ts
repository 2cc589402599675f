/** The metrics of PROTOCOL.md, section 12: each is there, of its type and with its labels, and Prometheus takes them. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gatewayStand } from '../support/gateway/stand.ts';
import { toolsMissing } from '../support/tools.ts';

const stand = await gatewayStand();
after(() => stand[Symbol.asyncDispose]());

interface Documented {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
}

function documented(): Documented[] {
  const protocol = readFileSync(join(import.meta.dirname, '../../src/wire/gateway/PROTOCOL.md'), 'utf8');
  const table = protocol.slice(protocol.indexOf('## 12. Metrics'), protocol.indexOf('## 13.'));
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => {
      const [, names = '', type = '', labels = ''] = line.split('|').map((cell) => cell.trim());
      const wanted = [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label!);
      return [...names.matchAll(/`(\w+)`/g)].map(([, name]) => ({
        name: `tributary_gateway_${name}`,
        type,
        labels: wanted,
      }));
    });
}

test('every metric of the protocol is exposed after some life of all kinds, and promtool takes the whole', async (t) => {
  await stand.topic('busy');
  await stand.produce('busy', ['x']);
  await using served = await stand.gateway({
    auth: { mode: 'token', tokens: [{ name: 'alice', token: 'token-of-alice-0123456789' }] },
    acl: [{ who: ['*'], can: ['subscribe', 'publish', 'group'], topics: ['busy'], groups: ['*'] }],
  });
  const client = await served.native({ token: 'token-of-alice-0123456789' });
  await client.subscribe(1, { topics: ['busy'], from: 'earliest' });
  await client.subscribe(2, { topics: ['busy'], group: 'g', from: 'earliest' });
  client.send(
    { type: 'pub', id: 3, topic: 'busy', value: 'v', mid: 'm' },
    { type: 'pub', id: 4, topic: 'busy', value: 'v', mid: 'm' },
    { type: 'pub', id: 5, topic: 'nowhere', value: 'v' },
  );
  await client.next('ok', ({ id }) => id === 4);
  await client.next('error', ({ id }) => id === 5);
  await client.values(2);
  equal((await served.open('/v1/ws', ['tributary.v1.json'], { Authorization: 'Bearer wrong' })).status, 401);
  const other = await served.native({ token: 'token-of-alice-0123456789' });
  other.socket.close(1000);
  await other.closed();
  await served.until('closes_total{protocol="json",code="1000"}', (closes) => closes === 1);
  equal(served.metric('subscriptions{state="live"}'), 1);
  equal(served.metric('subscriptions{state="group"}'), 1);
  equal(served.metric('subscriptions{state="pending"}'), 0);
  equal(served.metric('reader_lag_records{topic="busy"}'), 0);
  equal(served.metric('duplicates_total'), 1);
  equal(served.metric('publish_errors_total{code="forbidden"}'), 1);
  equal(served.metric('acl_denials_total{action="publish"}'), 1);

  const text = served.exposition();
  await t.test('names, types and labels', () => {
    // Counted where the program reads its files anew, outside of the gateway itself.
    const wanted = documented().filter(({ name }) => name !== 'tributary_gateway_reloads_total');
    ok(wanted.length > 25, `${wanted.length}`);
    for (const { name, type, labels } of wanted) {
      ok(text.includes(`# TYPE ${name} ${type}\n`), `${name} as ${type}`);
      const line = text.split('\n').find((candidate) => new RegExp(`^${name}(_bucket|_count)?[{ ]`).test(candidate));
      ok(line !== undefined, name);
      const found = [...line.matchAll(/(\w+)="/g)].map(([, label]) => label!).filter((label) => label !== 'le');
      deepEqual(found.sort(), [...labels].sort(), line);
    }
    const exposed = [...text.matchAll(/^# TYPE (tributary_gateway_\w+)/gm)].map(([, name]) => name!);
    deepEqual(
      exposed.filter((name) => !wanted.some((each) => each.name === name)),
      [],
    );
  });
  await t.test('promtool finds nothing to say', { skip: toolsMissing(['promtool']) }, () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    equal(stdout + stderr, '');
    equal(status, 0);
  });
  client.leave();
});

test('topics beyond metrics.maxTopics are one', async () => {
  await using served = await stand.gateway({ metrics: { maxTopics: 2 } });
  const client = await served.native();
  for (const [at, topic] of ['m1', 'm2', 'm3', 'm4'].entries()) {
    await stand.topic(topic);
    await client.subscribe(at + 1, { topics: [topic] });
    client.send({ type: 'pub', id: at + 10, topic, value: 'v' });
    await client.values(1, at + 1);
  }
  equal(served.metric('records_in_total{protocol="json",topic="m1"}'), 1);
  equal(served.metric('records_in_total{protocol="json",topic="other"}'), 2);
  equal(served.metric('records_out_total{protocol="json",topic="other"}'), 2);
  ok(!served.exposition().includes('"m3"'));
  client.leave();
});

test('a subscription that is behind the ring is replaying until it has caught up', async () => {
  await stand.topic('behind');
  await stand.produce(
    'behind',
    Array.from({ length: 100 }, () => 'x'.repeat(1000)),
  );
  await using served = await stand.gateway({ delivery: { ringBytes: 100 } });
  const client = await served.native();
  await client.subscribe(1, { topics: ['behind'], from: 'earliest', window: 1 });
  const { seq } = await client.next('data');
  equal(served.metric('subscriptions{state="replaying"}'), 1);
  equal(served.metric('readers{kind="replay"}'), 1);
  client.send({ type: 'ack', id: 1, seq, window: 1000 });
  await client.values(99);
  await served.until('subscriptions{state="live"}', (live) => live === 1);
  client.leave();
});
