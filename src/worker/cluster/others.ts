/** The question of a worker that does not hear its group: do the others hear it? */
import { withTimeout } from '../../base/abort.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/errors.ts';
import { LimitedWarning } from '../../telemetry/limited-log.ts';
import type { Log } from '../../telemetry/log.ts';
import { type GroupIdentity, type Hearing, isCutOffAlone } from './hearing.ts';

/** Asks the worker at this address. Undefined where that one is not of this group; rejects where it does not answer. */
export type AskOther = (url: string, group: GroupIdentity) => Promise<Hearing | undefined>;

export interface OthersOptions {
  readonly ask: AskOther;
  /** Where others were when this worker last heard of them. */
  readonly urls: () => readonly string[];
  readonly sessionTimeoutMs: number;
  readonly log: Log;
  readonly clock: Clock;
}

const askAgainMs = 2_000;
const answerWithinMs = 2_000;
/** At once; of more, the next ones are asked the next time. */
const askedAtOnce = 8;

export class Others {
  readonly #options: OthersOptions;
  readonly #unanswered: LimitedWarning;
  #againAtMs = Number.NEGATIVE_INFINITY;
  #isAsking = false;
  #next = 0;

  constructor(options: OthersOptions) {
    this.#options = options;
    this.#unanswered = new LimitedWarning(options.log, 'other_worker_not_asked', options.clock, 60_000);
  }

  /**
   * The address of one whose answer shows that this worker is cut off alone; undefined where there is none, and where it is
   * not time to ask again. Never rejects.
   */
  async whoHears(group: GroupIdentity, heardAtMs: number): Promise<string | undefined> {
    const { clock } = this.#options;
    if (this.#isAsking || clock.monotonicMs() < this.#againAtMs) return undefined;
    this.#isAsking = true;
    this.#againAtMs = clock.monotonicMs() + askAgainMs;
    const answers = await Promise.all(this.#nextUrls().map((url) => this.#hears(url, group, heardAtMs)));
    this.#isAsking = false;
    return answers.find((url) => url !== undefined);
  }

  async #hears(url: string, group: GroupIdentity, heardAtMs: number): Promise<string | undefined> {
    const { ask, sessionTimeoutMs, clock } = this.#options;
    // What was so when it was asked is so: time that the answer takes makes this worker's silence no longer.
    const silentForMs = clock.monotonicMs() - heardAtMs;
    try {
      const hearing = await withTimeout(ask(url, group), answerWithinMs, 'Asking another worker');
      return hearing !== undefined && isCutOffAlone(hearing, silentForMs, sessionTimeoutMs) ? url : undefined;
    } catch (error) {
      this.#unanswered.warn({ worker: url, reason: describeError(error) });
      return undefined;
    }
  }

  #nextUrls(): readonly string[] {
    const urls = this.#options.urls();
    if (urls.length <= askedAtOnce) return urls;
    const from = this.#next % urls.length;
    this.#next = from + askedAtOnce;
    return [...urls, ...urls].slice(from, from + askedAtOnce);
  }
}
