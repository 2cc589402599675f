/** Row 35: the gateway restarts under very many clients, ten thousand with TEST_LONG=1. Gateway and clients are processes of their own. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePorts } from '../support/free-ports.ts';
import type { Asked } from '../support/gateway/counting-broker.ts';
import { type CrowdReport, startCrowd } from '../support/gateway/crowd.ts';
import { tempFolder } from '../support/temp-folder.ts';

const isLong = process.env['TEST_LONG'] === '1';
const clients = isLong ? 10_000 : 500;
const spreadMs = isLong ? 5000 : 400;
/** Ten seconds on a machine that is not busy with other tests. */
const backWithinMs = isLong ? 10_000 : 60_000;
const missed = 50;
const topic = 'storm';

interface Rest {
  readonly next: number;
  readonly asked: Asked;
}

async function startGateway(folder: string, listen: string, before: number): Promise<ChildProcess> {
  const program = join(import.meta.dirname, '../support/gateway/counted-gateway-child.ts');
  const env = { ...process.env, SPREAD_MS: `${spreadMs}` };
  const child = fork(program, [folder, listen, topic, `${before}`], { env });
  const [address] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  equal(address, listen);
  return child;
}

/** No more is written: what there is now, and what was asked of the broker for it. */
async function rest(gateway: ChildProcess): Promise<Rest> {
  const answer = once(gateway, 'message');
  gateway.send('rest');
  return (await answer)[0] as Rest;
}

function checkLedger({ refused, failures, lost, doubled }: CrowdReport): void {
  deepEqual({ refused, failures, lost, doubled }, { refused: [], failures: 0, lost: 0, doubled: 0 });
}

test('a storm: all clients of a gateway that goes, by a farewell and by kill -9, are back behind what they had, none refused, each offset once, and the log is read once for all of them', async (t) => {
  await using folder = await tempFolder('gateway-storm');
  const [port] = (await freePorts(1)) as [number];
  const listen = `127.0.0.1:${port}`;
  let gateway = await startGateway(folder.path, listen, missed);
  t.after(() => gateway.kill('SIGKILL'));
  await using crowd = startCrowd(`ws://${listen}/v1/ws`, topic, clients);
  const first = await crowd.reach(1, missed);
  equal(first.comeBacks, clients);
  checkLedger(first);

  for (const [at, way] of (['told', 'killed'] as const).entries()) {
    const exited = once(gateway, 'exit');
    if (way === 'told') gateway.send('drain');
    else gateway.kill('SIGKILL');
    await exited;
    // What is written while it is away is behind the ring of the next one: all clients have to read it from the log.
    gateway = await startGateway(folder.path, listen, missed);
    const startedMs = performance.now();
    const back = await crowd.reach(2 + at, 0);
    const tookMs = performance.now() - startedMs;
    ok(tookMs <= backWithinMs, `${way}: all were back after ${tookMs} ms`);
    const { next, asked } = await rest(gateway);
    const last = await crowd.reach(2 + at, next);
    checkLedger(back);
    checkLedger(last);
    equal(last.beyond, 0);
    // Who was on its way when the gateway went comes back once more.
    ok(back.comeBacks >= clients, `${way}: ${back.comeBacks} of ${clients} came back`);
    t.diagnostic(`${way}: ${clients} back in ${Math.round(tookMs)} ms; ${JSON.stringify(asked)} for ${next} records`);
    // One reader for all that is new, and one for each place where clients may have stood when it went.
    ok(asked.reads <= missed, `${way}: ${asked.reads} readers of the log for ${clients} clients`);
    ok(asked.records <= missed * missed, `${way}: ${asked.records} records were read for ${clients} clients`);
    if (way === 'told') checkSpread(back.toldMs);
  }
});

/** Told to come back spread over the time, evenly: in each quarter of it about a quarter of them. */
function checkSpread(toldMs: readonly number[]): void {
  equal(toldMs.length, clients);
  for (let quarter = 0; quarter < 4; quarter++) {
    const within = toldMs.filter((ms) => ms >= (quarter * spreadMs) / 4 && ms <= ((quarter + 1) * spreadMs) / 4).length;
    ok(within > clients / 8 && within < clients / 2, `${within} of ${clients} in quarter ${quarter}`);
  }
}
