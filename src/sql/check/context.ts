import type { Accumulator } from '../functions/accumulators.ts';
import type { Environment } from '../functions/scalar-function.ts';
import type { StateColumn } from '../functions/state-columns.ts';
import type { ExpressionType } from '../values/type.ts';
import type { Evaluate } from '../values/value.ts';
import type { Scope } from './scope.ts';

/** An aggregate of a query. */
export interface AggregatePlan {
  readonly name: string;
  /** Undefined for COUNT(*). */
  readonly argument?: Evaluate;
  readonly create: () => Accumulator;
  /** The same for many groups. */
  readonly column: () => StateColumn;
  readonly distinct: boolean;
  readonly forever: boolean;
}

/** The aggregates of a query, each once however often it is written. */
export class Aggregates {
  readonly plans: AggregatePlan[] = [];
  private readonly byText = new Map<string, number>();

  /** The slot of an aggregate that means the same, or of a new one. */
  add(text: string, plan: () => AggregatePlan): number {
    const known = this.byText.get(text);
    if (known !== undefined) return known;
    this.byText.set(text, this.plans.length);
    return this.plans.push(plan()) - 1;
  }
}

export interface Named {
  readonly index: number;
  readonly type: ExpressionType;
}

/** Where an expression stands, and so what it may use. */
export interface Context {
  readonly scope: Scope;
  readonly environment: Environment;
  /** For messages: `WHERE`, `GROUP BY`. */
  readonly clause: string;
  /** Absent where no aggregate may stand. */
  readonly aggregates?: Aggregates;
  /** The function whose argument this is. */
  readonly insideAggregate?: string;
  /** In batches of groups: what the groups are made by, by canonical text. Any other column is an error. */
  readonly keys?: ReadonlyMap<string, Named>;
  /** Selected columns by name, which HAVING and ORDER BY may use. */
  readonly outputs?: ReadonlyMap<string, Named>;
  /** WINDOW_START and WINDOW_END mean something. */
  readonly hasWindowTimes: boolean;
  /** EVENT_TIMESTAMP() is the window's end. */
  readonly eventTimeIsWindowEnd: boolean;
}
