import type { InputPlan, QueryPlan } from '../check/query-plan.ts';
import { isBatch } from '../check/window.ts';
import { BatchOutput } from '../operators/batch-output.ts';
import { Delay } from '../operators/delay.ts';
import { ExternalTimeBatch } from '../operators/external-time-batch.ts';
import { filter } from '../operators/filter.ts';
import { GridWindow } from '../operators/grid-window.ts';
import { HopGroups } from '../operators/hop-groups.ts';
import { HopRows } from '../operators/hop-window.ts';
import { RowJoin } from '../operators/join.ts';
import { FirstUnique, SortWindow, UniqueWindow } from '../operators/kept-rows-window.ts';
import { LengthBatch } from '../operators/length-batch.ts';
import { Lookup } from '../operators/lookup.ts';
import type { Output, StateBudget, WindowClock } from '../operators/operator.ts';
import { PatternOperator } from '../operators/pattern.ts';
import { Projection } from '../operators/project.ts';
import { Rate } from '../operators/rate.ts';
import { LengthWindow, PassRows, type RowParts, RunningGroups } from '../operators/row-window.ts';
import { SessionWindow } from '../operators/session-window.ts';
import type { Table } from '../operators/table.ts';
import { TimeWindow } from '../operators/time-window.ts';
import { TumblingJoin } from '../operators/tumbling-join.ts';
import { contents } from '../operators/window-content.ts';
import type { Forgetful } from '../state/stateful.ts';
import { type Frame, newFrame, type Row } from '../values/value.ts';

/** The operators of one query, or of one key of a partitioned one. */
export interface Instance extends Forgetful {
  /** False where it forgets each row at once. */
  readonly isStateful: boolean;
  push(stream: string, row: Row): void;
  end(): void;
}

export interface InstanceParts {
  readonly plan: QueryPlan;
  readonly output: Output;
  readonly budget: StateBudget;
  /** The time of the query's windows. */
  readonly clock: WindowClock;
  /** The application's clock, for DELAY. */
  readonly delays: Pick<WindowClock, 'at'>;
  readonly now: () => number;
  readonly table: (name: string) => Table;
}

/** Puts the operators of a query together, from its end to its beginning. */
export function buildInstance(parts: InstanceParts): Instance {
  const { plan, budget } = parts;
  const frame = newFrame();
  const kept: Forgetful[] = [];
  const keep: Keep = (operator) => {
    kept.push(operator);
    return operator;
  };
  const rate = plan.rate === undefined ? undefined : keep(new Rate(plan.rate, parts.output, budget));
  const projection = new Projection(plan, rate ?? parts.output);
  const push = buildInput(parts, frame, projection, keep);
  return {
    push,
    end: () => rate?.end(),
    isStateful: kept.length > 0,
    get isEmpty() {
      return kept.every((operator) => operator.isEmpty);
    },
    snapshot(writer) {
      for (const operator of kept) operator.snapshot(writer);
    },
    restore(reader) {
      for (const operator of kept) operator.restore(reader);
    },
  };
}

/** Notes an operator that a checkpoint must hold, in the order in which the instance is put together. */
type Keep = <S extends Forgetful>(operator: S) => S;

function buildInput(parts: InstanceParts, frame: Frame, projection: Projection, keep: Keep): Instance['push'] {
  const { plan, budget } = parts;
  const { input } = plan;
  if (input.kind === 'join' && input.tumblingMs !== undefined)
    return buildTumblingJoin(parts, input, input.tumblingMs, frame, projection, keep);
  const windowed = buildWindow(parts, frame, projection, keep);
  const filtered = plan.filter === undefined ? windowed : filter(plan.filter, frame, windowed);
  switch (input.kind) {
    case 'source':
      return (_stream, row) => filtered.push(row);
    case 'lookup': {
      const lookup = new Lookup(input, parts.table(input.table.stream), frame, filtered);
      return (_stream, row) => lookup.push(row);
    }
    case 'pattern': {
      const { filter: where } = plan;
      const pattern = keep(
        new PatternOperator({ plan: input, frame, output: windowed, where, budget, clock: parts.clock }),
      );
      return (stream, row) => pattern.push(stream, row);
    }
    case 'join': {
      const join = keep(new RowJoin({ plan: input, frame, output: filtered, budget }));
      return bothSides(input, join);
    }
  }
}

/** A stream joined with itself gives each row to both sides, left first. */
function bothSides(
  { left, right }: InputPlan & { readonly kind: 'join' },
  join: { pushLeft(row: Row): void; pushRight(row: Row): void },
): Instance['push'] {
  return (stream, row) => {
    if (stream === left.input.stream) join.pushLeft(row);
    if (stream === right.input.stream) join.pushRight(row);
  };
}

function buildTumblingJoin(
  { plan, budget, clock }: InstanceParts,
  input: InputPlan & { readonly kind: 'join' },
  sizeMs: number,
  frame: Frame,
  projection: Projection,
  keep: Keep,
): Instance['push'] {
  const made = contents({ plan, frame, output: new BatchOutput(plan, projection), budget });
  const condition = plan.filter;
  const filterInto = (content: Output): Output =>
    condition === undefined ? content : filter(condition, frame, content);
  const join = new TumblingJoin({ plan: input, sizeMs, frame, clock, budget, filterInto, contents: made });
  return bothSides(input, keep(join));
}

function buildWindow(parts: InstanceParts, frame: Frame, projection: Projection, keep: Keep): Output {
  const { plan, budget, delays, now } = parts;
  const { window } = plan;
  if (isBatch(window)) return keep(buildBatch(parts, frame, projection));
  const rows: RowParts = { plan, frame, projection, budget };
  const plain = (): Output => (plan.mode === 'rows' ? new PassRows(rows) : keep(new RunningGroups(rows)));
  if (window.kind === 'delay') return keep(new Delay({ ms: window.ms, clock: delays, now, output: plain(), budget }));
  if (window.kind === 'firstunique') return keep(new FirstUnique(rows, window.key, plain()));
  if (plan.mode === 'rows') {
    // Only LENGTH can have a condition behind it, and rows that nobody sums up pass it as they come.
    return plain();
  }
  switch (window.kind) {
    case 'length':
      return keep(new LengthWindow(rows, window.count));
    case 'time':
      return keep(new TimeWindow(rows, { ms: window.ms }));
    case 'externaltime':
      return keep(new TimeWindow(rows, { ms: window.ms, column: window.time }));
    case 'unique':
      return keep(new UniqueWindow(rows, window.key));
    case 'sort':
      return keep(new SortWindow(rows, window.count, window.keys));
    default:
      return plain();
  }
}

function buildBatch({ plan, budget, clock }: InstanceParts, frame: Frame, projection: Projection): Output & Forgetful {
  const { window } = plan;
  const parts = { plan, frame, output: new BatchOutput(plan, projection), budget };
  const made = contents(parts);
  switch (window.kind) {
    case 'tumbling':
      return new GridWindow({ sizeMs: window.sizeMs, originMs: 0, clock, contents: made, budget });
    case 'timebatch':
      return new GridWindow({ sizeMs: window.sizeMs, clock, contents: made, budget });
    case 'hop':
      if (plan.mode === 'rows') return new HopRows(parts, window.sizeMs, window.slideMs, clock);
      return new HopGroups(parts, window.sizeMs, window.slideMs, clock);
    case 'session':
      return new SessionWindow({ gapMs: window.gapMs, keys: window.keys ?? [], frame, clock, contents: made, budget });
    case 'externaltimebatch':
      return new ExternalTimeBatch({ time: window.time, sizeMs: window.sizeMs, frame, contents: made, budget });
    default:
      return new LengthBatch({
        count: window.kind === 'lengthbatch' ? window.count : 1,
        lateFilter: plan.lateFilter,
        frame,
        contents: made,
      });
  }
}
