import { deepEqual, equal, rejects } from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MachineDriver } from './machine-driver.ts';

type State = { readonly kind: 'idle' | 'open' | 'over'; readonly ticks: number };
type Event = 'open' | 'tick' | 'end';

/** Opens, wants the time every 100 ms, and ends itself with the third tick. */
function setUp() {
  const seen: string[] = [];
  const clock = new ManualClock();
  const driver = new MachineDriver<State, Event, string>(
    { kind: 'idle', ticks: 0 },
    {
      next(state, event) {
        if (event === 'end') return [{ ...state, kind: 'over' }, []];
        if (event === 'open') return [{ kind: 'open', ticks: 0 }, ['connect']];
        if (clock.monotonicMs() < (state.ticks + 1) * 100) return [state, []];
        const ticks = state.ticks + 1;
        return [{ kind: 'open', ticks }, ticks === 3 ? ['end'] : ['ping']];
      },
      wakeAtMs: (state) => (state.kind === 'open' ? (state.ticks + 1) * 100 : Number.POSITIVE_INFINITY),
      tick: () => 'tick',
      obey(effect) {
        seen.push(`${effect} at ${clock.monotonicMs()}`);
        if (effect === 'end') driver.raise('end');
      },
      changed(before, state) {
        seen.push(`${before.kind} > ${state.kind}`);
        if (state.kind === 'over') driver.notify();
      },
      clock,
    },
  );
  return { driver, seen, clock };
}

test('effects are obeyed in their order, and the machine is told the time when it wants to know', async () => {
  const { driver, seen, clock } = setUp();
  driver.raise('open');
  const ended = driver.until('over');
  clock.advance(1000);
  await ended;
  deepEqual(seen, ['connect at 0', 'idle > open', 'ping at 100', 'ping at 200', 'end at 300', 'open > over']);
  equal(clock.timers, 0);
});

test('one who pulls is woken though another waits for the end', async () => {
  const { driver } = setUp();
  const queued: string[] = [];
  const pulling = driver.pull({
    get length() {
      return queued.length;
    },
    take: () => queued.splice(0).join(),
    resume() {},
    isOver: () => driver.state.kind === 'over',
  });
  const ending = driver.until('over');
  queued.push('a');
  driver.notify();
  equal(await pulling, 'a');
  driver.raise('end');
  await ending;
});

test('who pulls gets what is there, waits where nothing is, and hears of the end', async () => {
  const { driver } = setUp();
  let queued = ['a'];
  let resumed = 0;
  const source = {
    get length() {
      return queued.length;
    },
    take: () => queued.splice(0).join(),
    resume() {
      resumed++;
      if (resumed === 2) queued = ['held back'];
    },
    isOver: () => driver.state.kind === 'over',
  };
  equal(await driver.pull(source), 'a');
  const waiting = driver.pull(source);
  queued = ['b', 'c'];
  driver.notify();
  equal(await waiting, 'b,c');
  equal(await driver.pull(source), 'held back');
  driver.raise('end');
  equal(await driver.pull(source), undefined);
  const failed = {
    ...source,
    length: 0,
    isOver: () => {
      throw new Error('refused');
    },
  };
  await rejects(driver.pull(failed), /refused/);
});
