/** What a task's status says: what is wrong with its stream first, then what was missing in it. */
import { GapReport } from '../../source/gap-report.ts';
import type { ConnectorContext } from '../contract.ts';

/** Events that never came: found in their ids, or told by a server that will not go on behind the last one. */
export interface EventGap {
  readonly reason: 'ids' | 'resume_refused';
  /** Id of the last event before it, as far as it is known. */
  readonly after: string | null;
  /** First and last of the missing ids; null where they are no numbers that count by one. */
  readonly from: number | null;
  readonly to: number | null;
  readonly missing: number | null;
}

export class StreamStatus {
  readonly #context: ConnectorContext;
  readonly #gaps: GapReport<EventGap>;
  #detail: string | undefined;
  #isOver = false;

  constructor(context: ConnectorContext) {
    const { connector, task, clock, log } = context;
    this.#context = context;
    this.#gaps = new GapReport({
      ...{ connector, task, clock, log, things: 'events' },
      fieldsOf: (gap) => ({ ...gap, after: gap.after === null ? null : short(gap.after) }),
      describe: ({ reason, after, from, to }) =>
        reason === 'ids' ? `${from} to ${to}` : `behind the id "${short(after ?? '')}", which the server refused,`,
    });
  }

  /** undefined: the stream is well. */
  set(detail: string | undefined): void {
    this.#detail = detail;
    this.#tell();
  }

  /** Text of the record about it. */
  noteGap(gap: EventGap): string {
    const text = this.#gaps.note(gap);
    this.#tell();
    return text;
  }

  /** The task has failed: others say why. */
  fail(): void {
    this.#isOver = true;
    this.#context.setStatus(undefined);
  }

  /** Says what has not been said. */
  end(): void {
    this.#gaps.flush();
  }

  #tell(): void {
    if (this.#isOver) return;
    const told = [this.#detail, this.#gaps.summary].filter((part) => part !== undefined);
    this.#context.setStatus(told.length === 0 ? undefined : told.join('; '));
  }
}

function short(id: string): string {
  return id.slice(0, 64);
}
