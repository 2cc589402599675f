/** How well a worker hears its group, as it tells the others; and what somebody who does not hear it makes of that. Pure. */

/** Workers of another Kafka may have a group of the same name. */
export interface GroupIdentity {
  readonly groupId: string;
  readonly clusterId: string;
}

export interface Hearing {
  /** Since that was sent which the group has answered last. */
  readonly agoMs: number;
  /** Up to then, without a silence of half a session. */
  readonly forMs: number;
}

export class GroupHearing {
  readonly #silenceMs: number;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #heardAtMs = Number.NEGATIVE_INFINITY;

  constructor(sessionTimeoutMs: number) {
    this.#silenceMs = sessionTimeoutMs / 2;
  }

  /** Often enough: what lies between two looks is taken for heard where it is shorter than a silence. */
  observe(heardAtMs: number): void {
    if (heardAtMs - this.#heardAtMs > this.#silenceMs) this.#sinceMs = heardAtMs;
    this.#heardAtMs = heardAtMs;
  }

  /** Undefined where there is no group that answers: the broker lies in this process. */
  at(nowMs: number): Hearing | undefined {
    if (!Number.isFinite(this.#heardAtMs)) return undefined;
    return { agoMs: nowMs - this.#heardAtMs, forMs: this.#heardAtMs - this.#sinceMs };
  }
}

/** For a worker to find a Kafka that is back, behind another one that has found it already. */
const backMs = 5_000;

/**
 * Whether another worker's answer shows that this one is cut off alone: the other one has heard the group all the time that
 * this one has not. Where all of Kafka was away, both have a silence behind them, and one of the two hears it first again:
 * only when the other one has then heard it for a session, in which Kafka waits for its members, is this one cut off.
 */
export function isCutOffAlone({ agoMs, forMs }: Hearing, silentForMs: number, sessionTimeoutMs: number): boolean {
  return agoMs < sessionTimeoutMs / 2 && forMs >= Math.min(silentForMs, sessionTimeoutMs + backMs);
}
