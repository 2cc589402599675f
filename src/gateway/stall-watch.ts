/** Whether a client takes nothing although something waits for it. Pure. */
export class StallWatch {
  #movedAtMs: number;
  #lastWaiting = 0;

  constructor(nowMs: number) {
    this.#movedAtMs = nowMs;
  }

  /** `waitingBytes` as they are now; to be asked every second or so. */
  isStalled(waitingBytes: number, nowMs: number, stallMs: number): boolean {
    if (waitingBytes === 0 || waitingBytes < this.#lastWaiting) this.#movedAtMs = nowMs;
    this.#lastWaiting = waitingBytes;
    return nowMs - this.#movedAtMs > stallMs;
  }
}
