/**
 * What `start` shows: what runs, where to look next, and one line of counters, redrawn in place on a terminal and written
 * anew every ten seconds elsewhere. Log lines go through here, so that they never land in the middle of the live line.
 */

import type { Writable } from 'node:stream';
import type { WriteStream } from 'node:tty';
import type { Clock } from '../base/clock.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { liveLine, readCounts } from './live-line.ts';

export interface Terminal {
  readonly isTTY: boolean;
  /** Where the log goes: whole lines. */
  write(text: string): void;
  /** Begins the line of counters. */
  startCounting(metrics: MetricRegistry): void;
  /** The last line of counters, and nothing after it. */
  close(): void;
}

const redrawMs = 500;
const plainMs = 10_000;

export function openTerminal(output: Writable & { readonly isTTY?: boolean }, clock: Clock): Terminal {
  const isTTY = output.isTTY === true;
  let shown = false;
  let timer: NodeJS.Timeout | undefined;
  let count: (() => string) | undefined;

  const clear = (): void => {
    if (shown) output.write('\r\x1b[2K');
    shown = false;
  };
  const draw = (): void => {
    if (count === undefined) return;
    if (!isTTY) {
      output.write(`${count()}\n`);
      return;
    }
    const line = count();
    clear();
    // Asked each time: a change of the size is not told to a process in a group of its own.
    const columns = (output as WriteStream).getWindowSize?.()[0] || 80;
    output.write(line.length < columns ? line : line.slice(0, columns - 1));
    shown = true;
  };

  return {
    isTTY,
    write(text) {
      const wasShown = shown;
      clear();
      output.write(text);
      if (wasShown) draw();
    },
    startCounting(metrics) {
      let before = readCounts(metrics, clock.monotonicMs());
      let last = before;
      count = () => {
        const now = readCounts(metrics, clock.monotonicMs());
        // A rate over half a second would jump: it is taken over the last two lines.
        const line = liveLine(now, before);
        before = last;
        last = now;
        return line;
      };
      if (isTTY) draw();
      timer = setInterval(draw, isTTY ? redrawMs : plainMs);
      timer.unref();
    },
    close() {
      clearInterval(timer);
      if (count === undefined) return;
      draw();
      if (isTTY) output.write('\n');
      shown = false;
      count = undefined;
    },
  };
}
