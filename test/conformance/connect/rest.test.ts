/** The recorded conversation with a real Kafka Connect, scene by scene, against a worker on the embedded broker. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { recordingLog } from '../../../src/telemetry/log.ts';
import { type Deviations, readDeviations } from '../runners/connect/deviations.ts';
import { type Exchange, readExchanges, sceneOf, withShortWaits } from '../runners/connect/exchange.ts';
import { type FreshWorker, startFreshWorker } from '../runners/connect/fresh-worker.ts';
import { type Played, play } from '../runners/connect/play.ts';
import { type StandIns, startStandIns } from '../runners/connect/stand-ins.ts';

const file = fileURLToPath(new URL('rest.jsonl', import.meta.url));
/** On a machine under load an answer may take long to come to fit. */
const patienceMs = 30_000;

let standIns: StandIns;
let worker: FreshWorker;
let deviations: Deviations;
let exchanges: readonly Exchange[] = [];
const deviating: string[] = [];
const isDeviation = (played: Played): boolean => deviations.reasonFor(played) !== undefined;

before(async () => {
  standIns = await startStandIns('any');
  worker = await startFreshWorker(undefined, recordingLog([]));
  deviations = readDeviations();
  exchanges = readExchanges(file, standIns.addresses);
});

after(async () => {
  await worker?.[Symbol.asyncDispose]();
  await standIns?.[Symbol.asyncDispose]();
});

const scenes = [...new Set(readExchanges(file, new Map()).map(sceneOf))];

test('the conversation is there', () => ok(scenes.length > 30));

for (const scene of scenes) {
  test(`${scene} is answered as recorded`, async () => {
    const wrong: string[] = [];
    const own = withShortWaits(exchanges.filter((exchange) => sceneOf(exchange) === scene));
    for await (const played of play(worker.url, own, isDeviation, patienceMs)) {
      if (played.difference === undefined) continue;
      if (deviations.reasonFor(played) === undefined) wrong.push(`${played.exchange.case}: ${played.difference}`);
      else deviating.push(played.exchange.case);
    }
    deepEqual(wrong, []);
  });
}

/** A deviation need not show in every run: a task that is about to fail may be seen while it still runs. */
test('every listed deviation is of this conversation, and they are at most 3 % of it', () => {
  const listed = deviations.all.map((deviation) => deviation.case);
  const known = new Set(exchanges.map((exchange) => exchange.case));
  deepEqual(
    listed.filter((name) => !known.has(name)),
    [],
  );
  ok(deviating.includes('sse/offsets'), 'the list is not looked at');
  ok(listed.length <= exchanges.length * 0.03);
  equal(new Set(listed).size, listed.length);
});
