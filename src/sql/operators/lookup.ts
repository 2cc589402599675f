import type { LookupPlan } from '../check/query-plan.ts';
import type { Frame, Row, Value } from '../values/value.ts';
import type { Operator, Output } from './operator.ts';
import { joinKey, type Table, type TableIndex } from './table.ts';

/** A stream joined to a table: each row meets the table as it is at that moment. The table's rows cause nothing. */
export class Lookup implements Operator {
  private readonly plan: LookupPlan;
  private readonly index: TableIndex;
  private readonly nulls: readonly Value[];
  private readonly frame: Frame;
  private readonly output: Output;

  constructor(plan: LookupPlan, table: Table, frame: Frame, output: Output) {
    this.plan = plan;
    this.index = table.indexBy(plan.tableKeys);
    this.nulls = plan.table.columns.map(() => null);
    this.frame = frame;
    this.output = output;
  }

  push(row: Row): void {
    const frame = this.frame;
    const plan = this.plan;
    frame.values = row.values;
    frame.timestamp = row.timestamp;
    const key = joinKey(plan.leftKeys, frame);
    let isMatched = false;
    for (const found of key === undefined ? [] : [...this.index.find(key)]) {
      const values = [...row.values, ...found];
      frame.values = values;
      frame.timestamp = row.timestamp;
      if (plan.on(frame) !== true) continue;
      isMatched = true;
      this.output.push({ values, timestamp: row.timestamp });
    }
    if (!isMatched && plan.outer)
      this.output.push({ values: [...row.values, ...this.nulls], timestamp: row.timestamp });
  }
}
