/**
 * The gateway on one core, its load clients (bench/tools) on the other, records of 200 bytes that say when they were published and
 * which number they have. The broker is the embedded one, in the gateway's process. A delivery is one record at one subscriber;
 * processor time is the kernel's, of the gateway alone, all of its threads, publishing included. Rates are those of the whole
 * chain: with other work on the machine only the processor time says what the gateway can do.
 *
 * In each round the floor is measured beside it (peers/bare-fan-main.ts writes the same records to as many sockets and does nothing
 * else), and nginx with nchan where it is installed. Each round has a gateway of its own.
 */
import { comeBack } from './gateway/come-back.ts';
import { fanOut } from './gateway/fan-out.ts';
import { many } from './gateway/many.ts';
import { paced } from './gateway/paced.ts';
import { where } from './gateway/places.ts';
import { publishing } from './gateway/publishing.ts';
import { GatewayReport, recordBytes } from './gateway/report.ts';
import type { Scenario, Sizes } from './gateway/scenario.ts';
import { type ScenarioName, scenarioNames } from './gateway/scenario-names.ts';
import { startBenchGateway } from './gateway/server.ts';
import { stalled } from './gateway/stalled.ts';
import { buildTools } from './support/feed.ts';
import { machineLine } from './support/machine.ts';

export interface GatewayBenchOptions {
  readonly json: boolean;
  readonly smoke: boolean;
  readonly runs?: number | undefined;
  /** Our program alone, without floor and peers. */
  readonly alone?: boolean;
  /** Names of scenarios; all of them without it. */
  readonly only?: readonly string[] | undefined;
}

const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'fan-out': fanOut,
  paced,
  publish: publishing,
  stalled,
  many,
  'come-back': comeBack,
};

const full: Sizes = {
  subscribers: 1000,
  many: 10_000,
  records: 6000,
  published: 1_000_000,
  seconds: 10,
  warmSeconds: 2,
  settleMs: 1500,
  rounds: ['alone', 'beside', 'beside', 'alone', 'alone', 'beside'],
};
const tiny: Sizes = {
  subscribers: 20,
  many: 50,
  records: 200,
  published: 2000,
  seconds: 0.5,
  warmSeconds: 0,
  settleMs: 300,
  rounds: ['alone', 'beside'],
};

export async function run({
  json,
  smoke,
  runs = smoke ? 1 : 3,
  alone = false,
  only = scenarioNames,
}: GatewayBenchOptions): Promise<void> {
  buildTools();
  const sizes = smoke ? tiny : full;
  const report = new GatewayReport();
  if (!json) {
    const about = `records of ${recordBytes} B, embedded broker; ${where}; ${runs} runs, middle (least – most)`;
    console.log(`gateway: ${about}\n${machineLine()}\n`);
  }
  for (let round = 0; round < runs; round++) {
    await using gateway = await startBenchGateway();
    for (const name of scenarioNames) if (only.includes(name)) await scenarios[name]({ gateway, sizes, report, alone });
  }
  report.print(json);
}
