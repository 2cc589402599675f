import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fuzzRuns } from '../../../test/support/random.ts';
import { TributaryError } from '../../base/errors.ts';
import type { ProduceRecord } from '../../record/record.ts';
import { type Batch, type SendCall, sendCall } from './produce-batch.ts';
import { type Outcome, PartitionState } from './produce-state.ts';

/**
 * The state of a partition against a model of Kafka's log with its rules for idempotent producers, over a network that
 * cuts connections, loses answers, and delivers what was cut off later or never. Whatever happens: what was acknowledged
 * is stored once, nothing is stored twice, and the order of the calls is kept.
 */

/** What happens to one request. `late`: its connection is cut, and the broker reads it only after the next requests. */
type Fate = 'ok' | 'lost' | 'answer-lost' | 'late' | 'not-stored' | 'too-large' | 'rejected';

const fates: readonly Fate[] = ['ok', 'lost', 'answer-lost', 'late', 'not-stored', 'too-large', 'rejected'];

interface Sent {
  readonly batch: Batch;
  readonly producerId: bigint;
  readonly epoch: number;
  readonly sequence: number;
  readonly ids: readonly number[];
}

/** One partition's log: it remembers the last five batches of a producer. */
class LogModel {
  readonly stored: number[] = [];
  readonly #producers = new Map<
    bigint,
    { epoch: number; batches: { sequence: number; count: number; base: number }[] }
  >();

  /** Sent before, and stored: a broker says so before it looks at what else may be wrong. */
  has({ producerId, epoch, sequence, ids }: Sent): boolean {
    const known = this.#producers.get(producerId);
    const isIt = (batch: { sequence: number; count: number }): boolean =>
      batch.sequence === sequence && batch.count === ids.length;
    return known?.epoch === epoch && known.batches.some(isIt);
  }

  append({ producerId, epoch, sequence, ids }: Sent): Outcome {
    const known = this.#producers.get(producerId);
    if (known !== undefined) {
      if (epoch < known.epoch) return { kind: 'out-of-order' }; // INVALID_PRODUCER_EPOCH, see produce-outcome.ts
      const isNewEpoch = epoch > known.epoch;
      const twin = known.batches.find((batch) => batch.sequence === sequence && batch.count === ids.length);
      if (!isNewEpoch && twin !== undefined) return { kind: 'stored', baseOffset: twin.base };
      const last = known.batches.at(-1)!;
      const expected = isNewEpoch ? 0 : last.sequence + last.count;
      if (sequence !== expected) return { kind: 'out-of-order' };
    }
    const base = this.stored.length;
    this.stored.push(...ids);
    const before = known !== undefined && known.epoch === epoch ? known.batches : [];
    const batches = [...before, { sequence, count: ids.length, base }].slice(-5);
    this.#producers.set(producerId, { epoch, batches });
    return { kind: 'stored', baseOffset: base };
  }
}

interface Step {
  readonly send: number;
  readonly fate: Fate;
  readonly passMs: number;
  /** Answers all that is out after this step, instead of leaving requests to pile up. */
  readonly flush: boolean;
}

const steps = fc.array(
  fc.record({
    send: fc.integer({ min: 0, max: 4 }),
    fate: fc.constantFrom(...fates),
    passMs: fc.integer({ min: 0, max: 40 }),
    flush: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);

for (const timeoutMs of [Number.POSITIVE_INFINITY, 60]) {
  test(`nothing is lost, doubled or reordered, with a delivery timeout of ${timeoutMs} ms`, () => {
    fc.assert(
      fc.property(steps, (script) => run(script, timeoutMs)),
      { numRuns: fuzzRuns(2000) },
    );
  });
}

function run(script: readonly Step[], timeoutMs: number): void {
  const log = new LogModel();
  const ids = new WeakMap<ProduceRecord, number>();
  const acked = new Set<number>();
  const refused = new Set<number>();
  const unknown = new Set<number>();
  let nextId = 0;
  let nowMs = 0;
  const idsOf = (call: SendCall): number[] => [...call.records].map((record) => ids.get(record)!);
  const state = new PartitionState(
    {
      name: 'p',
      mayRaiseEpoch: true,
      events: {
        done: (call) => idsOf(call).forEach((id) => void acked.add(id)),
        failed: (call, error) =>
          idsOf(call).forEach((id) => void (error.code === 'TIMEOUT' ? unknown : refused).add(id)),
        retry: () => {},
      },
    },
    { producerId: 1n, epoch: 0 },
  );
  /** Requests of the open connection, in order, with what will happen to them. */
  const out: { sent: Sent; fate: Fate }[] = [];
  /** Requests of connections that were cut, which the broker may still read. */
  const late: Sent[] = [];
  /** What is too large stays it: a copy that comes late is refused as well. */
  const tooLarge = new Set<Batch>();

  const fill = (fate: Fate): void => {
    for (;;) {
      const batch = state.next(nowMs, ({ records, from }) => ({
        count: Math.min(records.length - from, 2),
        timeMs: 0,
      }));
      if (batch === undefined) return;
      const { identity, sequence } = batch;
      const records = [...batch.records.slice(batch.from, batch.from + batch.count)];
      const sent = { batch, ...identity, sequence, ids: records.map((record) => ids.get(record)!) };
      out.push({ sent, fate });
    }
  };
  const cut = (): void => {
    // All that stands behind fails with it; the broker has it or not.
    for (const { sent, fate } of out.splice(0)) {
      if (fate === 'late') late.push(sent);
      else if (fate === 'answer-lost') log.append(sent);
      state.answer(sent.batch, { kind: 'retry', reason: 'cut', delayMs: 1 }, nowMs);
    }
  };
  const flush = (): void => {
    while (out.length > 0) {
      const { sent, fate } = out[0]!;
      if (fate === 'lost' || fate === 'late' || fate === 'answer-lost') {
        cut();
        return;
      }
      out.shift();
      state.answer(sent.batch, answerTo(sent, fate), nowMs);
    }
  };
  const arrive = (sent: Sent): void => {
    if (!tooLarge.has(sent.batch)) log.append(sent);
  };
  const answerTo = (sent: Sent, fate: Fate): Outcome => {
    if (fate === 'not-stored') return { kind: 'retry', reason: 'NOT_ENOUGH_REPLICAS', delayMs: 1 };
    if (fate === 'too-large' && !log.has(sent)) {
      tooLarge.add(sent.batch);
      return { kind: 'too-large', error: new TributaryError('RECORD_TOO_LARGE', 'too large') };
    }
    if (fate === 'rejected') return { kind: 'rejected', error: new TributaryError('BROKER_REJECTED', 'refused') };
    return log.append(sent);
  };

  for (const step of script) {
    if (step.send > 0) {
      const records = Array.from({ length: step.send }, (): ProduceRecord => {
        const record = { key: null, value: null, headers: [], timestampMs: null };
        ids.set(record, nextId++);
        return record;
      });
      state.add(sendCall(records, nowMs + timeoutMs));
    }
    fill(step.fate);
    nowMs += step.passMs;
    if (late.length > 0 && step.passMs % 2 === 0) arrive(late.shift()!);
    state.expire(nowMs);
    if (step.flush) flush();
  }
  for (let round = 0; round < 200 && !state.isEmpty; round++) {
    flush();
    nowMs += 2;
    fill('ok');
  }
  for (const sent of late) arrive(sent);

  ok(state.isEmpty, 'something never ends');
  equal(acked.size + refused.size + unknown.size, nextId, 'a call was not answered');
  const { stored } = log;
  equal(new Set(stored).size, stored.length, `stored twice: ${stored.join()}`);
  deepEqual(
    [...acked].filter((id) => !stored.includes(id)),
    [],
    'acknowledged and not stored',
  );
  deepEqual(
    stored,
    [...stored].sort((a, b) => a - b),
    'out of order',
  );
}
