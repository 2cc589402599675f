/** An error that nobody caught ends the process, as Node has it; but in one line of the log, and without secrets. */
import { describeError } from '../base/errors.ts';
import type { Log } from '../telemetry/log.ts';

export interface CrashParts {
  readonly log: Log;
  /** Takes secrets out of a text. */
  readonly redact: (text: string) => string;
  readonly exit: (code: number) => void;
  /** What tells of such errors: the process. */
  readonly source: Pick<NodeJS.Process, 'on' | 'off'>;
}

/** Watches until it is released. */
export function watchCrashes({ log, redact, exit, source }: CrashParts): { release(): void } {
  const onCrash = (error: unknown): void => {
    const stack = error instanceof Error && error.stack !== undefined ? error.stack : String(error);
    log.error('crashed', { reason: redact(describeError(error)), stack: redact(stack) });
    exit(1);
  };
  source.on('uncaughtException', onCrash);
  return { release: () => void source.off('uncaughtException', onCrash) };
}
