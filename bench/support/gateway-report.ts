/** What the rounds of the gateway's benchmark gave, scenario by scenario, for people or for programs. */
import { machineLine } from './machine.ts';
import { type Spread, showCount, showSpread, spread } from './stats.ts';

export interface Losses {
  readonly lost: number;
  readonly doubled: number;
}

interface Scenario {
  readonly rounds: Readonly<Record<string, number>>[];
  readonly about: string;
  readonly isOurs: boolean;
  readonly isChecked: boolean;
  lost: number;
  doubled: number;
}

export class GatewayReport {
  readonly #scenarios = new Map<string, Scenario>();

  /** One round of a scenario. `about`: what was done, and what is wanted of it. Without `losses` nothing can be lost. */
  add(
    name: string,
    about: string,
    figures: Readonly<Record<string, number>>,
    losses: Losses | undefined,
    isOurs = true,
  ): void {
    let scenario = this.#scenarios.get(name);
    if (scenario === undefined) {
      scenario = { rounds: [], about, isOurs, isChecked: losses !== undefined, lost: 0, doubled: 0 };
      this.#scenarios.set(name, scenario);
    }
    scenario.rounds.push(figures);
    scenario.lost += losses?.lost ?? 0;
    scenario.doubled += losses?.doubled ?? 0;
  }

  /** Prints, and makes the process fail where we have lost or doubled something. */
  print(json: boolean): void {
    for (const [name, { rounds, about, isOurs, isChecked, lost, doubled }] of this.#scenarios) {
      const figures: Record<string, Spread> = {};
      for (const key of Object.keys(rounds[0]!)) figures[key] = spread(rounds.map((round) => round[key]!));
      const checked = isChecked ? { lost, doubled } : {};
      if (json) {
        const line = { benchmark: 'gateway', scenario: name, ...figures, ...checked, machine: machineLine() };
        console.log(JSON.stringify(line));
      } else {
        console.log(`${name}: ${about}`);
        for (const [key, figure] of Object.entries(figures))
          console.log(`  ${key.padEnd(18)} ${showSpread(figure, shown)}`);
        console.log(isChecked ? `  lost ${lost}, doubled ${doubled}\n` : '');
      }
      if (isOurs && lost + doubled > 0) process.exitCode = 1;
    }
  }
}

function shown(value: number): string {
  return value >= 1e4 ? showCount(value) : value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
