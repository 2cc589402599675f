import type { StateReader } from '../state/state-reader.ts';
import type { StateWriter } from '../state/state-writer.ts';
import type { Stateful } from '../state/stateful.ts';

/** So many keys without an instance are remembered; of more, those that left first count as new when they come back. */
const maxAway = 10_000;

/** The order in which keys were first seen: by it their timers fire, also after a key has been away. */
export class KeyNumbers implements Stateful {
  private readonly away = new Map<unknown, number>();
  private next = 0;

  take(key: unknown): number {
    const number = this.away.get(key);
    if (number === undefined) return this.next++;
    this.away.delete(key);
    return number;
  }

  release(key: unknown, number: number): void {
    this.away.set(key, number);
    if (this.away.size <= maxAway) return;
    const [oldest] = this.away.keys();
    this.away.delete(oldest);
  }

  snapshot(writer: StateWriter): void {
    writer.count(this.next);
    writer.list(this.away, ([key, number]) => {
      writer.key(key);
      writer.count(number);
    });
  }

  restore(reader: StateReader): void {
    this.next = reader.count();
    reader.list(() => this.away.set(reader.key(), reader.count()));
  }
}
