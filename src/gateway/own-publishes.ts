/** Publishes of one connection that are not answered yet: who has too many on their way, or too large ones, is not read. */
import type { Reading } from './reading.ts';

export class OwnPublishes {
  readonly #reading: Reading;
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #count = 0;
  #bytes = 0;
  #isHeld = false;

  constructor(reading: Reading, maxCount: number, maxBytes: number) {
    this.#reading = reading;
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  began(bytes: number): void {
    this.#count++;
    this.#bytes += bytes;
    this.#look();
  }

  answered(bytes: number): void {
    this.#count--;
    this.#bytes -= bytes;
    this.#look();
  }

  #look(): void {
    const isFull = this.#count >= this.#maxCount || this.#bytes >= this.#maxBytes;
    if (isFull === this.#isHeld) return;
    this.#isHeld = isFull;
    this.#reading.hold('publishes', isFull);
  }
}
