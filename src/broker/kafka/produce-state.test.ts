import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { TributaryError } from '../../base/errors.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { type Batch, type Identity, type SendCall, sendCall, sequenceAfter } from './produce-batch.ts';
import { type Fit, type Outcome, PartitionState } from './produce-state.ts';

const record: ProduceRecord = { key: null, value: null, headers: [], timestampMs: null };
const retry: Outcome = { kind: 'retry', reason: 'cut', delayMs: 0 };
const outOfOrder: Outcome = { kind: 'out-of-order' };
const tooLarge: Outcome = { kind: 'too-large', error: new TributaryError('RECORD_TOO_LARGE', 'too large') };
const rejected: Outcome = { kind: 'rejected', error: new TributaryError('BROKER_REJECTED', 'refused') };

/** A state whose batches hold at most `fitting` records, with what it told. */
function bench(options: { fitting?: number; mayRaiseEpoch?: boolean; identity?: Identity } = {}) {
  const { fitting = 1000, mayRaiseEpoch = true, identity = { producerId: 7n, epoch: 0 } } = options;
  const told: string[] = [];
  const names = new Map<SendCall, string>();
  const events = {
    done: (call: SendCall) => void told.push(`${names.get(call)} stored ${call.baseOffset}-${call.lastOffset}`),
    failed: (call: SendCall, error: TributaryError) => void told.push(`${names.get(call)} ${error.code}`),
    retry: () => {},
  };
  const state = new PartitionState({ name: 'p', mayRaiseEpoch, events }, identity);
  const fit: Fit = ({ records, from }) => ({ count: Math.min(records.length - from, fitting), timeMs: 0 });
  const send = (name: string, count = 1, deadlineMs = Number.POSITIVE_INFINITY): void => {
    const call = sendCall(
      Array.from({ length: count }, () => record),
      deadlineMs,
    );
    names.set(call, name);
    state.add(call);
  };
  const next = (nowMs = 0): Batch | undefined => state.next(nowMs, fit);
  /** All that may be sent now, as `epoch:sequence+count`. */
  const drain = (nowMs = 0): Batch[] => {
    const batches: Batch[] = [];
    for (let batch = next(nowMs); batch !== undefined; batch = next(nowMs)) batches.push(batch);
    return batches;
  };
  const stored = (baseOffset: number): Outcome => ({ kind: 'stored', baseOffset });
  /** Past the first batch of the epoch, which travels alone. */
  const warm = (): void => {
    send('first');
    state.answer(next()!, stored(0), 0);
    told.length = 0;
  };
  return { state, told, send, next, drain, stored, warm };
}

const show = (batches: readonly Batch[]): string[] =>
  batches.map((batch) => `${batch.identity.epoch}:${batch.sequence}+${batch.count}`);

test('the first batch of an epoch travels alone, then up to five', () => {
  const { state, send, drain, stored } = bench({ fitting: 10 });
  send('a', 100);
  const first = drain();
  deepEqual(show(first), ['0:0+10']);
  state.answer(first[0]!, stored(0), 0);
  deepEqual(show(drain()), ['0:10+10', '0:20+10', '0:30+10', '0:40+10', '0:50+10']);
});

test('no more than five go ahead of one that has no answer, though the others were stored', () => {
  const { state, send, drain, stored, warm } = bench({ fitting: 1 });
  warm();
  for (let i = 0; i < 10; i++) send(`${i}`);
  const [first, ...others] = drain();
  for (const [index, batch] of others.entries()) state.answer(batch, stored(2 + index), 0);
  deepEqual(drain(), []);
  state.answer(first!, retry, 0);
  deepEqual(show(drain()), ['0:1+1']);
  state.answer(first!, stored(1), 0);
  deepEqual(show(drain()), ['0:6+1', '0:7+1', '0:8+1', '0:9+1', '0:10+1']);
});

test('a call over several batches is done when the last is, with its first and last offset', () => {
  const { state, told, send, drain, stored, warm } = bench({ fitting: 10 });
  warm();
  send('a', 25);
  const [one, two, three] = drain();
  // Another producer wrote 20-29 between.
  state.answer(two!, stored(30), 0);
  state.answer(one!, stored(10), 0);
  deepEqual(told, []);
  state.answer(three!, stored(40), 0);
  deepEqual(told, ['a stored 10-44']);
});

test('small calls that wait share a batch, and each learns its own offsets', () => {
  const { state, told, send, drain, stored } = bench();
  for (const name of ['a', 'b', 'c']) send(name, 2);
  const [batch] = drain();
  equal(batch!.count, 6);
  state.answer(batch!, stored(100), 0);
  deepEqual(told, ['a stored 100-101', 'b stored 102-103', 'c stored 104-105']);
});

test('what failed goes again with the same numbers, in order, once everything in flight was answered', () => {
  const { state, told, send, drain, next, stored, warm } = bench({ fitting: 1 });
  warm();
  for (const name of ['a', 'b', 'c']) send(name);
  const [a, b, c] = drain();
  state.answer(b!, retry, 0);
  equal(next(), undefined);
  state.answer(a!, retry, 0);
  equal(next(), undefined);
  state.answer(c!, outOfOrder, 0);
  deepEqual(show(drain()), ['0:1+1', '0:2+1', '0:3+1']);
  for (const [index, batch] of [a, b, c].entries()) state.answer(batch!, stored(1 + index), 0);
  deepEqual(told, ['a stored 1-1', 'b stored 2-2', 'c stored 3-3']);
});

test('a retry waits for its time and tells when that is', () => {
  const { state, send, next, warm } = bench();
  warm();
  send('a');
  state.answer(next(100)!, { ...retry, delayMs: 50 }, 100);
  equal(next(149), undefined);
  equal(state.wakeAtMs, 150);
  deepEqual(show([next(150)!]), ['0:1+1']);
});

test('a batch that is too large goes in halves with the same numbers between them', () => {
  const { state, told, send, drain, stored, warm } = bench();
  warm();
  send('a', 5);
  const [batch] = drain();
  state.answer(batch!, tooLarge, 0);
  const [left, right] = drain();
  deepEqual(show([left!, right!]), ['0:1+3', '0:4+2']);
  state.answer(left!, stored(1), 0);
  state.answer(right!, stored(4), 0);
  deepEqual(told, ['a stored 1-5']);
});

test('a record that is too large alone fails, and what stood behind it goes on under the next epoch', () => {
  const { state, told, send, drain, stored, warm } = bench({ fitting: 1 });
  warm();
  for (const name of ['a', 'b', 'c']) send(name);
  const [a, b, c] = drain();
  state.answer(a!, tooLarge, 0);
  deepEqual(told, ['a RECORD_TOO_LARGE']);
  state.answer(b!, outOfOrder, 0);
  state.answer(c!, outOfOrder, 0);
  // The new epoch begins with one.
  deepEqual(show(drain()), ['1:0+1']);
  state.answer(b!, stored(1), 0);
  deepEqual(show(drain()), ['1:1+1']);
  state.answer(c!, stored(2), 0);
  deepEqual(told, ['a RECORD_TOO_LARGE', 'b stored 1-1', 'c stored 2-2']);
});

test('what stands before a refused batch keeps its numbers until it is stored', () => {
  const { state, told, send, drain, stored, warm } = bench({ fitting: 1 });
  warm();
  for (const name of ['a', 'b', 'c']) send(name);
  const [a, b, c] = drain();
  state.answer(a!, retry, 0);
  state.answer(b!, rejected, 0);
  state.answer(c!, outOfOrder, 0);
  deepEqual(show(drain()), ['0:1+1']);
  state.answer(a!, stored(1), 0);
  deepEqual(show(drain()), ['1:0+1']);
  state.answer(c!, stored(2), 0);
  deepEqual(told, ['b BROKER_REJECTED', 'a stored 1-1', 'c stored 2-2']);
});

test('a refusal of a shared batch is found out call by call', () => {
  const { state, told, send, drain, next, stored, warm } = bench();
  warm();
  for (const name of ['good', 'bad', 'fine']) send(name);
  const [batch] = drain();
  equal(batch!.count, 3);
  state.answer(batch!, rejected, 0);
  const [good, others] = drain();
  state.answer(good!, stored(1), 0);
  state.answer(others!, rejected, 0);
  const [bad, fine] = drain();
  state.answer(bad!, rejected, 0);
  state.answer(fine!, outOfOrder, 0);
  const again = next();
  deepEqual(show([again!]), ['1:0+1']);
  state.answer(again!, stored(2), 0);
  deepEqual(told, ['good stored 1-1', 'bad BROKER_REJECTED', 'fine stored 2-2']);
});

test('OUT_OF_ORDER at the head raises the epoch once, a second time it is final', () => {
  const { state, told, send, next, warm } = bench();
  warm();
  send('a');
  state.answer(next()!, outOfOrder, 0);
  const again = next();
  deepEqual(show([again!]), ['1:0+1']);
  state.answer(again!, outOfOrder, 0);
  deepEqual(told, ['a BROKER_REJECTED']);
});

test('a timeout of what is out is answered at once; the late answer shows that there is no gap', () => {
  const { state, told, send, next, drain, stored, warm } = bench();
  warm();
  send('a', 1, 1000);
  const a = next();
  state.expire(1000);
  deepEqual(told, ['a TIMEOUT']);
  state.answer(a!, stored(1), 1100);
  send('b');
  deepEqual(show(drain(1100)), ['0:2+1']);
});

test('after a timeout of what never got an answer, later sends go on under the next epoch', () => {
  const { state, told, send, next, drain, warm } = bench();
  warm();
  send('a', 1, 1000);
  state.answer(next()!, retry, 500);
  state.expire(1000);
  deepEqual(told, ['a TIMEOUT']);
  send('b');
  deepEqual(show(drain(1000)), ['1:0+1']);
});

test('what stands behind a possible gap goes with its bytes, and raises the epoch only where there is one', () => {
  for (const isGap of [false, true]) {
    const { state, told, send, drain, stored, warm } = bench({ fitting: 1 });
    warm();
    send('a', 1, 1000);
    send('b', 1, 2000);
    const [a, b] = drain();
    state.answer(a!, retry, 500);
    state.answer(b!, retry, 500);
    state.expire(1000);
    deepEqual(show(drain(1000)), ['0:2+1']);
    state.answer(b!, isGap ? outOfOrder : stored(2), 1000);
    if (isGap) {
      deepEqual(show(drain(1000)), ['1:0+1']);
      state.answer(b!, stored(1), 1000);
    }
    deepEqual(told, ['a TIMEOUT', `b stored ${isGap ? '1-1' : '2-2'}`]);
  }
});

test('what waits unsent times out without leaving a gap', () => {
  const { state, told, send, drain, stored } = bench();
  send('first');
  const [first] = drain();
  send('a', 1, 1000);
  state.expire(1000);
  deepEqual(told, ['a TIMEOUT']);
  state.answer(first!, stored(0), 1000);
  send('b');
  deepEqual(show(drain(1000)), ['0:1+1']);
});

test('abandon fails everything; what is out is waited for', () => {
  const { state, told, send, next, drain, warm } = bench({ fitting: 1 });
  warm();
  send('a');
  send('b');
  const a = next();
  state.abandon(new TributaryError('UNKNOWN_TOPIC', 'gone'));
  deepEqual(told, ['a UNKNOWN_TOPIC', 'b UNKNOWN_TOPIC']);
  ok(!state.isEmpty);
  state.answer(a!, retry, 0);
  ok(state.isEmpty);
  send('c');
  deepEqual(show(drain()), ['1:0+1']);
});

test('in a transaction the epoch is not raised: a gap is told', () => {
  const { state, told, send, next } = bench({ mayRaiseEpoch: false });
  send('a');
  state.answer(next()!, outOfOrder, 0);
  deepEqual(told, ['a BROKER_REJECTED']);
  ok(state.hasGap);
  state.restart({ producerId: 7n, epoch: 1 });
  ok(!state.hasGap);
});

test('an epoch that runs out asks for another producer id', () => {
  const { state, send, next } = bench({ identity: { producerId: 7n, epoch: 32_767 } });
  send('a');
  state.answer(next()!, outOfOrder, 0);
  ok(state.needsIdentity);
  equal(next(), undefined);
  state.restart({ producerId: 8n, epoch: 0 });
  const again = next();
  deepEqual([again!.identity.producerId, again!.sequence], [8n, 0]);
});

test('a call with a record that fits nowhere fails alone', () => {
  const { state, told, send, stored } = bench();
  const limited: Fit = ({ records }) => {
    if (records.length >= 3) throw new TributaryError('RECORD_TOO_LARGE', 'too large');
    return { count: records.length, timeMs: 0 };
  };
  send('big', 3);
  send('small', 1);
  const batch = state.next(0, limited);
  equal(batch!.count, 1);
  state.answer(batch!, stored(0), 0);
  deepEqual(told, ['big RECORD_TOO_LARGE', 'small stored 0-0']);
});

for (const [sequence, count, expected] of [
  [0, 1, 1],
  [2 ** 31 - 1, 1, 0],
  [2 ** 31 - 3, 5, 2],
] as const) {
  test(`the sequence ${count} after ${sequence} is ${expected}`, () => equal(sequenceAfter(sequence, count), expected));
}
