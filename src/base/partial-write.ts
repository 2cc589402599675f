import { TributaryError } from './errors.ts';

/** A write of a sink that failed behind its first records: those are dealt with, and must not be written again. */
export class PartialWriteError extends TributaryError {
  /** How many of the records, from the first on, are delivered, passed over or rejected. */
  readonly settled: number;

  constructor(error: TributaryError, settled: number) {
    const { retriable, cause } = error;
    super(error.code, error.message, { retriable, ...(cause === undefined ? {} : { cause }) });
    this.settled = settled;
  }
}
