import type { RawConfig } from '../config/raw.ts';

/** A task at work, of a source or a sink. */
export interface RunningTask {
  /** Resolves when the task has ended after `stop`: true if everything it had was written. Rejects when it failed. */
  readonly ended: Promise<boolean>;
  /** Goes on by another configuration, where it can. Default: it cannot. */
  change?(config: RawConfig): boolean;
  /** Asks for the end; what the task has already received still goes out, bounded in time. */
  stop(): void;
  /** Ends at once: another worker does this work, so that nothing may be written any more. Default: as `stop`. */
  cancel?(): void;
}
