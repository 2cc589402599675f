import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import { MetricRegistry } from '../telemetry/metrics.ts';
import { watchTime } from './time-watch.ts';

const startMs = Date.UTC(2026, 0, 1);

/** A watch over clocks that a test moves: `late` holds up its timer, `set` moves the wall clock alone. */
function watched() {
  const manual = new ManualClock(startMs);
  let wallAheadMs = 0;
  let lateMs = 0;
  const clock = {
    nowMs: () => manual.nowMs() + wallAheadMs,
    monotonicMs: () => manual.monotonicMs(),
    after: (delayMs: number, wake: () => void) => manual.after(delayMs + lateMs, wake),
  };
  const entries: LogEntry[] = [];
  const registry = new MetricRegistry();
  const watch = watchTime({ clock, log: recordingLog(entries), metrics: registry.root() });
  return {
    [Symbol.dispose]: () => watch[Symbol.dispose](),
    manual,
    entries,
    late: (ms: number) => {
      lateMs = ms;
    },
    set: (ms: number) => {
      wallAheadMs += ms;
    },
    counters: () =>
      Object.fromEntries(
        [...registry.families.values()].flatMap(({ name, series }) =>
          [...series.values()].flatMap((one) =>
            'counter' in one && one.counter.value !== 0
              ? [[[name, ...Object.values(one.labels)].join(' '), one.counter.value]]
              : [],
          ),
        ),
      ),
  };
}

test('time that goes by as it should is nothing to tell of, nor are short delays and a clock that is slewed', () => {
  using watch = watched();
  for (let tick = 0; tick < 1000; tick++) {
    watch.set(tick % 2 === 0 ? 0.2 : -0.1);
    watch.late(tick % 10 === 0 ? 500 : 0);
    watch.manual.advance(250);
  }
  deepEqual([watch.counters(), watch.entries], [{}, []]);
});

test('a process that stood still says so, and for how long', () => {
  using watch = watched();
  watch.manual.advance(1000);
  watch.late(5000);
  watch.manual.advance(250); // the tick that arms the late one
  watch.late(0);
  watch.manual.advance(60_000);
  deepEqual(watch.counters(), { tributary_stalls_total: 1, tributary_stalled_seconds_total: 5 });
  deepEqual(
    watch.entries.map(({ level, event, fields }) => [level, event, fields]),
    [['warn', 'process_stalled', { seconds: 5 }]],
  );
});

for (const [jumpMs, direction] of [
  [3_600_000, 'forward'],
  [-3_600_000, 'back'],
  [300, 'forward'],
  [-300, 'back'],
] as const) {
  test(`a wall clock that jumps by ${jumpMs / 1000} s is told of once, with the time before and behind the jump`, () => {
    using watch = watched();
    watch.manual.advance(1000);
    watch.set(jumpMs);
    watch.manual.advance(60_000);
    deepEqual(watch.counters(), { [`tributary_clock_jumps_total ${direction}`]: 1 });
    const at = startMs + 1250;
    const [expected, is] = [at, at + jumpMs].map((ms) => new Date(ms).toISOString());
    deepEqual(
      watch.entries.map(({ level, event, fields }) => [level, event, fields]),
      [['warn', 'clock_jumped', { by_ms: jumpMs, expected, is }]],
    );
  });
}

test('it ends with whoever opened it', () => {
  const watch = watched();
  equal(watch.manual.timers, 1);
  watch[Symbol.dispose]();
  equal(watch.manual.timers, 0);
});
