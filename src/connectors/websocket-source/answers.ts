/** What a server says to the subscriptions it was sent: its answers are told from other messages by patterns. */

export interface AnswerSettings {
  /** A subscription was taken. */
  readonly confirmation: RegExp | null;
  /** It was not. */
  readonly refusal: RegExp | null;
  /** Refusals are looked for so long behind each subscription; confirmations until all have come. */
  readonly timeoutMs: number;
}

/** Longer messages are no answers. */
const mostBytes = 4096;

export type Answer = { readonly kind: 'confirmed' } | { readonly kind: 'refused'; readonly text: string };

export class Answers {
  readonly #settings: AnswerSettings;
  readonly #told: (answer: Answer) => void;
  #missing = 0;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(settings: AnswerSettings, told: (answer: Answer) => void) {
    this.#settings = settings;
    this.#told = told;
  }

  /** Confirmations that are waited for; never any where no pattern tells them. */
  get missing(): number {
    return this.#missing;
  }

  /** So many subscriptions go out, monotonic. */
  expect(count: number, nowMs: number): void {
    if (count === 0) return;
    if (this.#settings.confirmation !== null) this.#missing += count;
    this.#untilMs = nowMs + this.#settings.timeoutMs;
  }

  /**
   * False: no message needs to be looked at. A subscription may be confirmed by two messages, and those of others look the same:
   * that as many as wanted have come does not say that no refusal comes behind them.
   */
  isAwaited(nowMs: number): boolean {
    return this.#missing > 0 || (this.#settings.refusal !== null && nowMs < this.#untilMs);
  }

  /** Looks at a message of text. */
  see(payload: Uint8Array): void {
    if (payload.length > mostBytes) return;
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString('utf8');
    const { confirmation, refusal } = this.#settings;
    const isRefused = refusal?.test(text) === true;
    if (!isRefused && (this.#missing === 0 || confirmation?.test(text) !== true)) return;
    this.#missing = Math.max(this.#missing - 1, 0);
    this.#told(isRefused ? { kind: 'refused', text } : { kind: 'confirmed' });
  }
}
