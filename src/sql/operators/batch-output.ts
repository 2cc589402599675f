import type { QueryPlan } from '../check/query-plan.ts';
import { mapKeyOfAll } from '../values/compare.ts';
import type { Frame, Value } from '../values/value.ts';
import type { Projection } from './project.ts';

interface Candidate {
  readonly values: Value[];
  readonly timestamp: number;
  readonly sortKeys: readonly Value[];
}

/** The rows of one batch on their way out: DISTINCT, then ORDER BY, then OFFSET and LIMIT. */
export class BatchOutput {
  private readonly plan: QueryPlan;
  private readonly projection: Projection;
  private readonly isPlain: boolean;
  private candidates: Candidate[] = [];
  private seen = new Set<string>();

  constructor(plan: QueryPlan, projection: Projection) {
    this.plan = plan;
    this.projection = projection;
    this.isPlain = !plan.distinct && plan.orderBy.length === 0 && plan.limit === undefined && plan.offset === 0;
  }

  /** Takes the row or group that the frame holds. */
  add(frame: Frame): void {
    const values = this.projection.select(frame);
    if (values === undefined) return;
    if (this.isPlain) {
      this.projection.pass(values, frame.timestamp);
      return;
    }
    if (this.plan.distinct) {
      const key = mapKeyOfAll(values);
      if (this.seen.has(key)) return;
      this.seen.add(key);
    }
    const sortKeys = this.plan.orderBy.map(({ evaluate }) => evaluate(frame));
    this.candidates.push({ values, timestamp: frame.timestamp, sortKeys });
  }

  /** The batch is complete. */
  finish(): void {
    if (this.isPlain) return;
    const { candidates, plan } = this;
    this.candidates = [];
    this.seen = new Set();
    if (plan.orderBy.length > 0) candidates.sort((a, b) => this.compare(a.sortKeys, b.sortKeys));
    const end = plan.limit === undefined ? undefined : plan.offset + plan.limit;
    for (const { values, timestamp } of candidates.slice(plan.offset, end)) this.projection.pass(values, timestamp);
  }

  private compare(a: readonly Value[], b: readonly Value[]): number {
    for (const [index, { compare, descending, nullsFirst }] of this.plan.orderBy.entries()) {
      const [left, right] = [a[index]!, b[index]!];
      if (left === null || right === null) {
        if (left !== right) return (left === null) === nullsFirst ? -1 : 1;
        continue;
      }
      const order = compare(left, right);
      if (order !== null && order !== 0) return descending ? -order : order;
    }
    return 0;
  }
}
