/** What the intake holds as the worker takes it: records or a column, with the offset behind them. */
import { ColumnBatch } from '../../record/column-batch.ts';
import { STRING } from '../../record/schema.ts';
import type { SourceBatch, SourceMap } from '../contract.ts';
import { offsetOf, partition } from './event-id.ts';
import type { EventColumn, Intake } from './intake.ts';
import type { Settings } from './settings.ts';

export class Batches {
  readonly #settings: Settings;
  readonly #intake: Intake;
  readonly #newestId: () => Uint8Array | null;
  #shownOffset: { readonly id: Uint8Array | null; readonly offset: SourceMap } | undefined;

  /** `newestId` tells that of the last event that came. */
  constructor(settings: Settings, intake: Intake, newestId: () => Uint8Array | null) {
    this.#settings = settings;
    this.#intake = intake;
    this.#newestId = newestId;
  }

  /** Everything that arrived since the last call. */
  take(): SourceBatch {
    const taken = this.#intake.takeColumn();
    if (taken !== undefined) return this.#columnBatch(taken);
    const { records, receivedAtMs } = this.#intake.take();
    return { records, partition, offset: this.#offset(this.#newestId()), receivedAtMs };
  }

  #columnBatch({ values, receivedAtMs, mark }: EventColumn): SourceBatch {
    const offset = this.#offset(mark === undefined ? this.#newestId() : mark);
    const { topic } = this.#settings;
    const column = this.#intake.writes
      ? { topic, schema: null, values, isWritten: true }
      : { topic, schema: STRING, values };
    return new ColumnBatch({
      column,
      partition,
      offset,
      receivedAtMs,
      onRelease: () => this.#intake.giveBack(values),
    });
  }

  /** Made anew only when the id has changed. */
  #offset(id: Uint8Array | null): SourceMap {
    const shown = this.#settings.resumes ? id : null;
    if (this.#shownOffset === undefined || this.#shownOffset.id !== shown) {
      this.#shownOffset = { id: shown, offset: offsetOf(shown) };
    }
    return this.#shownOffset.offset;
  }
}
