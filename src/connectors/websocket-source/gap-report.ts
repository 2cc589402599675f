/** What is told of gaps: a line in the log at a bounded rate, a sentence for the status, a record for a topic. */
import { BoundedLog } from '../../telemetry/bounded-log.ts';
import type { ConnectorContext } from '../contract.ts';
import type { Gap } from './sequence.ts';

export class GapReport {
  readonly #context: Pick<ConnectorContext, 'connector' | 'task' | 'clock'>;
  readonly #log: BoundedLog;
  #gaps = 0;
  #missing = 0;
  #last: Readonly<Record<string, unknown>> = {};
  /** A sentence for the status; undefined before the first gap. */
  summary: string | undefined;

  constructor(context: Pick<ConnectorContext, 'connector' | 'task' | 'clock' | 'log'>) {
    this.#context = context;
    this.#log = new BoundedLog(context.log, 'messages_missing');
  }

  /** Text of the record about it. */
  note(gap: Gap): string {
    const { connector, task, clock } = this.#context;
    const { channel, from, to, missing } = gap;
    this.#gaps++;
    this.#missing += missing;
    const at = new Date(clock.nowMs()).toISOString();
    const where = channel === '' ? '' : ` of "${channel.slice(0, 64)}"`;
    this.summary = `${this.#missing} messages missing in ${this.#gaps} gaps, last ${from} to ${to}${where} at ${at}`;
    this.#last = { channel: channel.slice(0, 64), from, to, missing };
    this.#log.add(1, clock.monotonicMs(), this.#last);
    return JSON.stringify({ connector, task, channel, from, to, missing, at });
  }

  /** Says what has not been said. */
  flush(): void {
    this.#log.flush(this.#context.clock.monotonicMs(), this.#last);
  }
}
