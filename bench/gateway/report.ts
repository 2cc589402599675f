/** What the rounds of the gateway's benchmark gave, scenario by scenario, for people or for programs. */
import { machineLine } from '../support/machine.ts';
import { type Spread, showCount, showSpread, spread } from '../support/stats.ts';
import type { Losses } from '../support/targets.ts';
import { where } from './places.ts';

/** One round of a scenario. */
export interface ScenarioRound {
  readonly name: string;
  /** What was done, and what is wanted of it. */
  readonly about: string;
  /** Deliveries, or records that were published. */
  readonly count: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly losses: Losses;
  /** A floor or a peer: its losses are shown, and fail nothing. */
  readonly beside?: 'floor' | 'peer';
  /** Of a peer: its version, and how it is set. */
  readonly settings?: string;
}

interface Scenario extends Omit<ScenarioRound, 'name' | 'figures' | 'losses'> {
  readonly rounds: Readonly<Record<string, number>>[];
  lost: number;
  doubled: number;
}

export const recordBytes = 200;

export class GatewayReport {
  readonly #scenarios = new Map<string, Scenario>();

  add({ name, figures, losses, ...about }: ScenarioRound): void {
    let scenario = this.#scenarios.get(name);
    if (scenario === undefined) {
      scenario = { ...about, rounds: [], lost: 0, doubled: 0 };
      this.#scenarios.set(name, scenario);
    }
    scenario.rounds.push(figures);
    scenario.lost += losses.lost;
    scenario.doubled += losses.doubled;
  }

  /** Prints, and makes the process fail where we have lost or doubled something. */
  print(json: boolean): void {
    for (const [scenario, { rounds, about, count, beside, settings, lost, doubled }] of this.#scenarios) {
      const figures: Record<string, Spread> = {};
      for (const key of Object.keys(rounds[0]!)) figures[key] = spread(rounds.map((round) => round[key]!));
      if (json) {
        const what = { benchmark: 'gateway', broker: 'embedded', scenario, beside, settings };
        const size = recordBytes;
        const line = { ...what, count, size, where, ...figures, lost, doubled, machine: machineLine() };
        console.log(JSON.stringify(line));
      } else {
        console.log(`${scenario}: ${about}`);
        if (settings !== undefined) console.log(`  ${settings}`);
        for (const [key, figure] of Object.entries(figures))
          console.log(`  ${key.padEnd(18)} ${showSpread(figure, shown)}`);
        console.log(`  lost ${lost}, doubled ${doubled}\n`);
      }
      if (beside === undefined && lost + doubled > 0) process.exitCode = 1;
    }
  }
}

function shown(value: number): string {
  return value >= 1e4 ? showCount(value) : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
