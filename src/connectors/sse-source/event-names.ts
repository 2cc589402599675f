/** What is known of each event name: its bytes, whether it is wanted, how often it came. */
import type { Counter } from '../../telemetry/metrics.ts';
import { nameFilter } from './name-filter.ts';
import type { EventSettings } from './settings.ts';

export interface EventName {
  readonly bytes: Uint8Array;
  readonly wanted: boolean;
  /** Since the last `settle`. */
  received: number;
}

/** A server that makes up names without end must fill neither our memory nor the metrics. */
const mostNames = 100;
const othersName = '(others)';

interface Known extends EventName {
  readonly counter: Counter;
}

export class EventNames {
  readonly #wants: (name: string) => boolean;
  readonly #counter: (name: string) => Counter;
  readonly #unnamed: string;
  readonly #known = new Map<string, Known>();
  #lastBytes: Uint8Array | null | undefined;
  #last: Known | undefined;
  /** Those that came since the last `settle`, when they are not kept. */
  #passing: Known[] = [];
  #others: Counter | undefined;

  constructor({ names, excluded, defaultName }: EventSettings, counter: (name: string) => Counter) {
    this.#wants = nameFilter(names, excluded);
    this.#counter = counter;
    this.#unnamed = defaultName;
  }

  /** The parser gives the same bytes for the same name in a row: most often nothing is looked up. */
  of(bytes: Uint8Array | null): EventName {
    if (this.#last !== undefined && bytes === this.#lastBytes) return this.#last;
    const text = bytes === null ? this.#unnamed : textOf(bytes);
    const name = this.#known.get(text) ?? this.#learn(text);
    this.#lastBytes = bytes;
    this.#last = name;
    return name;
  }

  /** Adds to the counters. */
  settle(): void {
    for (const name of this.#known.values()) add(name);
    for (const name of this.#passing) add(name);
    if (this.#passing.length > 0) this.#passing = this.#last === undefined ? [] : this.#passing.slice(-1);
  }

  /** How often each came, since the start; what is beyond the bound of names is one entry. */
  counts(): Readonly<Record<string, number>> {
    const others = this.#others === undefined ? [] : [[othersName, this.#others.value] as const];
    return Object.fromEntries([...[...this.#known].map(([name, { counter }]) => [name, counter.value]), ...others]);
  }

  #learn(text: string): Known {
    const isKept = this.#known.size < mostNames;
    const counter = this.#counter(isKept ? text : othersName);
    if (!isKept) this.#others = counter;
    const name = { bytes: Buffer.from(text), wanted: this.#wants(text), received: 0, counter };
    if (isKept) this.#known.set(text, name);
    else this.#passing.push(name);
    return name;
  }
}

function add(name: Known): void {
  name.counter.value += name.received;
  name.received = 0;
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
}
