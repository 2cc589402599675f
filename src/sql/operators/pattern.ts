import type { LeafPlan, PatternPlan } from '../check/query-plan.ts';
import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Forgetful } from '../state/stateful.ts';
import type { Evaluate, Frame, Row, Value } from '../values/value.ts';
import type { Output, StateBudget, WindowClock } from './operator.ts';

/** A match that is not complete. */
interface Partial {
  /** The element that is waited for. */
  readonly element: number;
  readonly values: readonly Value[];
  readonly firstMs: number;
  /** Of the element that is waited for: the leaf that has come, where it takes both. */
  readonly half?: number;
}

interface Options {
  readonly plan: PatternPlan;
  readonly frame: Frame;
  readonly output: Output;
  /** WHERE: it decides whether a match counts. */
  readonly where?: Evaluate;
  readonly budget: StateBudget;
  /** WITHIN ends by it where no row comes. */
  readonly clock: Pick<WindowClock, 'later'>;
}

/** PATTERN and SEQUENCE. A row first advances the partial matches, oldest first, and then may open one. */
export class PatternOperator implements Forgetful {
  private readonly options: Options;
  private readonly empty: readonly Value[];
  private partials: Partial[] = [];
  private isDone = false;
  private callOff: (() => void) | undefined;

  constructor(options: Options) {
    this.options = options;
    this.empty = options.plan.leaves.flatMap(({ input }) => input.columns.map(() => null));
  }

  /** The streams that the pattern reads; each row of one of them is pushed once. */
  get streams(): ReadonlySet<string> {
    return new Set(this.options.plan.leaves.map(({ input }) => input.stream));
  }

  push(stream: string, row: Row): void {
    if (this.isDone) return;
    this.take(stream, row);
    this.arm();
  }

  private take(stream: string, row: Row): void {
    const { plan, budget } = this.options;
    const open = this.partials;
    const kept: Partial[] = [];
    const matches: Partial[] = [];
    for (const partial of open) {
      if (row.timestamp - partial.firstMs > plan.withinMs) continue;
      const next = this.advance(partial, stream, row);
      if (next === undefined) {
        if (!plan.sequence) kept.push(partial);
      } else if (next.element === plan.elements.length) matches.push(next);
      else kept.push(next);
    }
    budget.release(open.length - kept.length);
    this.partials = kept;
    for (const match of matches) {
      if (this.emit(match, row)) return;
    }
    if (plan.every || this.partials.length === 0) this.open(stream, row);
  }

  get isEmpty(): boolean {
    return this.partials.length === 0 && !this.isDone;
  }

  snapshot(writer: StateWriter): void {
    writer.boolean(this.isDone);
    writer.list(this.partials, ({ element, values, firstMs, half }) => {
      writer.count(element);
      writer.values(values);
      writer.number(firstMs);
      writer.value(half ?? null);
    });
  }

  restore(reader: StateReader): void {
    this.isDone = reader.boolean();
    this.partials = reader.list(() => {
      const partial = { element: reader.count(), values: reader.values(), firstMs: reader.number() };
      const half = reader.value() as number | null;
      return half === null ? partial : { ...partial, half };
    });
    this.arm();
  }

  /** One timer, for the oldest; whoever has become complete meanwhile has gone when it comes. */
  private arm(): void {
    const { plan, clock } = this.options;
    const [oldest] = this.partials;
    if (oldest === undefined) {
      this.callOff?.();
      this.callOff = undefined;
      return;
    }
    if (this.callOff !== undefined || plan.withinMs === Number.POSITIVE_INFINITY) return;
    this.callOff = clock.later(oldest.firstMs + plan.withinMs + 1, (due) => {
      this.callOff = undefined;
      this.expire(due);
    });
  }

  /** Those that came out of order wait for the ones before them, or for the next row. */
  private expire(now: number): void {
    const { plan, budget } = this.options;
    let count = 0;
    while (count < this.partials.length && this.partials[count]!.firstMs + plan.withinMs < now) count++;
    this.partials.splice(0, count);
    budget.release(count);
    this.arm();
  }

  private open(stream: string, row: Row): void {
    const first = this.advance({ element: 0, values: this.empty, firstMs: row.timestamp }, stream, row);
    if (first === undefined) return;
    if (first.element === this.options.plan.elements.length) this.emit(first, row);
    else if (this.options.budget.take()) this.partials.push(first);
  }

  /** True where that was the only match there is to be. */
  private emit(match: Partial, row: Row): boolean {
    const { plan, frame, where, output } = this.options;
    frame.values = match.values;
    frame.timestamp = row.timestamp;
    if (where !== undefined && where(frame) !== true) return false;
    if (!plan.every) {
      this.isDone = true;
      this.options.budget.release(this.partials.length);
      this.partials = [];
    }
    output.push({ values: match.values, timestamp: row.timestamp });
    return this.isDone;
  }

  /** The partial match with the row in it; undefined where the row does not fit. */
  private advance(partial: Partial, stream: string, row: Row): Partial | undefined {
    const element = this.options.plan.elements[partial.element]!;
    for (const leaf of element.leaves) {
      if (leaf === partial.half) continue;
      const values = this.fit(this.options.plan.leaves[leaf]!, partial.values, stream, row);
      if (values === undefined) continue;
      if (element.kind === 'and' && partial.half === undefined) return { ...partial, values, half: leaf };
      return { element: partial.element + 1, values, firstMs: partial.firstMs };
    }
    return undefined;
  }

  private fit(
    { input, condition }: LeafPlan,
    before: readonly Value[],
    stream: string,
    row: Row,
  ): readonly Value[] | undefined {
    if (input.stream !== stream) return undefined;
    const values = [...before];
    for (let i = 0; i < row.values.length; i++) values[input.offset + i] = row.values[i]!;
    if (condition === undefined) return values;
    const { frame } = this.options;
    frame.values = values;
    frame.timestamp = row.timestamp;
    return condition(frame) === true ? values : undefined;
  }
}
