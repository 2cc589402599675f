/**
 * Tells of time that went by otherwise than it should: the process stood still (its event loop was held up, it was stopped, its
 * machine had no time for it), or the wall clock jumped, and with it the timestamps of records. No deadline depends on it.
 */
import { after, type Clock } from '../base/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface TimeWatchParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

const tickMs = 250;
/** A tick that comes so late is told: whoever stands still for a second is late by that at least. */
const lateMs = 750;
/** What the two clocks may drift apart between two ticks. A clock that is slewed stays far below, one that is set does not. */
const driftMs = 250;
/** Both clocks are read within that, or once more: the process may be put aside between the two. */
const readMs = 20;
const mostReads = 3;

interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function watchTime({ clock, log, metrics }: TimeWatchParts): Disposable {
  const stalls = metrics.counter('tributary_stalls_total', 'Times the process stood still for a second or longer');
  const stalledSeconds = metrics.counter('tributary_stalled_seconds_total', 'Seconds for which it stood still then');
  const jumps = (direction: string) =>
    metrics.counter('tributary_clock_jumps_total', 'Times the wall clock jumped, and timestamps with it', {
      direction,
    });
  const [forward, back] = [jumps('forward'), jumps('back')];

  const tick = (): void => {
    const now = momentOf(clock);
    const elapsedMs = now.monotonicMs - last.monotonicMs;
    if (elapsedMs - tickMs >= lateMs) {
      const seconds = (elapsedMs - tickMs) / 1000;
      stalls.value++;
      stalledSeconds.value += seconds;
      log.warn('process_stalled', { seconds: Math.round(seconds * 1000) / 1000 });
    }
    const expectedMs = last.wallMs + elapsedMs;
    const jumpMs = now.wallMs - expectedMs;
    if (Math.abs(jumpMs) >= driftMs) {
      (jumpMs > 0 ? forward : back).value++;
      const [expected, is] = [expectedMs, now.wallMs].map((ms) => new Date(ms).toISOString());
      log.warn('clock_jumped', { by_ms: Math.round(jumpMs), expected, is });
    }
    last = now;
    callOff = after(clock, tickMs, tick);
  };

  let last = momentOf(clock);
  let callOff = after(clock, tickMs, tick);
  return { [Symbol.dispose]: () => callOff() };
}

function momentOf(clock: Clock): Moment {
  for (let reads = 1; ; reads++) {
    const monotonicMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    if (clock.monotonicMs() - monotonicMs < readMs || reads === mostReads) return { wallMs, monotonicMs };
  }
}
