/** Recorded conversations with Kafka Connect's REST interface, played against a fresh worker. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { recordingLog } from '../../../src/telemetry/log.ts';
import { readDeviations } from './connect/deviations.ts';
import { readExchanges } from './connect/exchange.ts';
import { startFreshWorker } from './connect/fresh-worker.ts';
import { type Played, play } from './connect/play.ts';
import { startStandIns } from './connect/stand-ins.ts';
import type { Tally } from './runner.ts';

export const usage = 'connect FILE.jsonl [--broker kafka://HOST:PORT] [--only TEXT] [--patience MS]';

export async function run(args: readonly string[], print: (line: string) => void): Promise<Tally> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { broker: { type: 'string' }, only: { type: 'string' }, patience: { type: 'string' } },
    allowPositionals: true,
  });
  const [name] = positionals;
  if (name === undefined || positionals.length > 1) throw new Error(`Usage: npm run conformance -- ${usage}`);
  const file = [process.env['INIT_CWD'] ?? '', process.cwd()].map((base) => resolve(base, name)).find(existsSync);
  if (file === undefined) throw new Error(`Cannot read "${name}": there is no such file`);
  const { broker, only = '' } = values;

  await using standIns = await startStandIns('recorded');
  await using worker = await startFreshWorker(broker, recordingLog([]));
  const exchanges = readExchanges(file, standIns.addresses).filter((exchange) => exchange.case.includes(only));
  const deviations = readDeviations();
  const isDeviation = (played: Played): boolean => deviations.reasonFor(played) !== undefined;
  let passed = 0;
  let failed = 0;
  let deviating = 0;
  for await (const played of play(worker.url, exchanges, isDeviation, Number(values.patience ?? 10_000))) {
    const { exchange, difference } = played;
    if (difference === undefined) {
      passed++;
      continue;
    }
    const reason = deviations.reasonFor(played);
    const { seq, case: id, request } = exchange;
    if (reason === undefined) {
      failed++;
      print(`FAIL ${seq} ${id} ${request.method} ${request.path}\n     ${difference}`);
    } else {
      deviating++;
      print(`deviation ${seq} ${id}: ${reason}`);
    }
  }
  if (deviating > 0) print(`${deviating} deviations, listed in test/conformance/connect/deviations.md`);
  return { passed, failed };
}
