import { availableParallelism } from 'node:os';
import { machineLine } from '../support/machine.ts';
import { showCount, showSpread, spread } from '../support/stats.ts';
import { dealBytes } from './deals.ts';
import type { PartsRun } from './group-run.ts';

export interface PartsAbout {
  readonly workers: number;
  readonly isKeyed: boolean;
  readonly parts: number;
  readonly count: number;
  readonly json: boolean;
}

/** `alone`: the same by one worker, round by round. Makes the process fail where rows were lost or doubled. */
export function reportParts(runs: readonly PartsRun[], alone: readonly PartsRun[], about: PartsAbout): void {
  const { workers, isKeyed, parts, count, json } = about;
  const of = (value: (run: PartsRun, one: PartsRun) => number) => spread(runs.map((run, at) => value(run, alone[at]!)));
  const figures = {
    perSecond: of((run) => run.perSecond),
    cpuUsPerMessage: of((run) => run.cpuUs),
    kafkaUsPerMessage: of((run) => run.kafkaUs),
    peakMb: of((run) => run.peakMb),
    growth: of((run, one) => run.perSecond / one.perSecond),
    possibleGrowth: of((run, one) => Math.min(workers, mostPerSecond(run) / one.perSecond)),
    unevenPercent: of((run) => run.unevenPercent),
  };
  const lost = runs.reduce((sum, run) => sum + run.lost, 0);
  const doubled = runs.reduce((sum, run) => sum + run.doubled, 0);
  const subject = `${workers} worker${workers === 1 ? '' : 's'}, ${isKeyed ? 'by the record key' : 'repartitioned'}`;
  if (json) {
    const where = 'workers and broker share all cores';
    const named = { benchmark: 'sql', broker: 'kafka', case: 'parts', subject, parts, count, size: dealBytes, where };
    console.log(JSON.stringify({ ...named, ...figures, lost, doubled, machine: machineLine() }));
  } else {
    const times = (key: 'growth' | 'possibleGrowth') => showSpread(figures[key], (value) => value.toFixed(2));
    const whole = (key: 'peakMb' | 'unevenPercent') => showSpread(figures[key], (value) => value.toFixed(0));
    const us = (key: 'cpuUsPerMessage' | 'kafkaUsPerMessage') => showSpread(figures[key], (value) => value.toFixed(2));
    const indent = ' '.repeat(30);
    console.log(`${subject.padEnd(29)} ${showSpread(figures.perSecond, showCount)} rows/s`);
    console.log(`${indent}${us('cpuUsPerMessage')} µs a row, and ${us('kafkaUsPerMessage')} of Kafka's`);
    if (workers > 1)
      console.log(
        `${indent}${times('growth')} times one worker, ${times('possibleGrowth')} possible; uneven by ${whole('unevenPercent')} %`,
      );
    console.log(`${indent}${whole('peakMb')} MB at most; lost ${lost}, doubled ${doubled}\n`);
  }
  if (lost + doubled > 0) process.exitCode = 1;
}

/** Where all cores do nothing else, and a row takes them as long as it did here. */
function mostPerSecond({ cpuUs, kafkaUs }: PartsRun): number {
  return (availableParallelism() * 1e6) / (cpuUs + kafkaUs);
}
