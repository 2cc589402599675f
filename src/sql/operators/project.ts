import type { QueryPlan } from '../check/query-plan.ts';
import type { Frame, Row, Value } from '../values/value.ts';
import type { Output } from './operator.ts';

/** Makes the selected row of what the frame holds and passes it on, unless HAVING refuses it. */
export class Projection {
  private readonly plan: QueryPlan;
  private readonly output: Output;

  constructor(plan: QueryPlan, output: Output) {
    this.plan = plan;
    this.output = output;
  }

  /** The selected columns; undefined where HAVING refuses. They stay in the frame, for ORDER BY. */
  select(frame: Frame): Value[] | undefined {
    const { outputs, having } = this.plan;
    const values: Value[] = new Array(outputs.length);
    for (let i = 0; i < outputs.length; i++) values[i] = outputs[i]!(frame);
    frame.outputs = values;
    return having === undefined || having(frame) === true ? values : undefined;
  }

  pass(values: Value[], timestamp: number): void {
    const row: Row = { values: this.plan.convert(values), timestamp };
    this.output.push(row);
  }

  push(frame: Frame): void {
    const values = this.select(frame);
    if (values !== undefined) this.pass(values, frame.timestamp);
  }
}
