/**
 * The ledger of a feed whose messages are numbered, a count for each connection, and carry a checksum: what a topic holds is
 * compared with what was sent. It finds each message that is lost, doubled, out of order or damaged, and keeps no messages.
 */
import { crc32 } from 'node:zlib';

/** What the server knows of one connection. */
export interface SentOver {
  /** Messages that were given to the socket. */
  readonly sent: number;
  /** Messages that have reached the client for sure: it answered a ping behind them. */
  readonly confirmed: number;
}

export interface Audit {
  readonly read: number;
  readonly damaged: number;
  readonly doubled: number;
  readonly disordered: number;
  /** Messages that are missing between two of the same connection. */
  readonly holes: number;
  /** Confirmed messages that are missing at the end of a connection. */
  readonly lost: number;
  /** Messages that nobody has sent. */
  readonly unknown: number;
}

/** Of `bytes` at least. */
export function ledgerMessage(connection: number, number: number, bytes = 0): string {
  const head = `${connection} ${number} `;
  const text = head + '.'.repeat(Math.max(0, bytes - head.length - 9));
  return `${text} ${crc32(text).toString(16).padStart(8, '0')}`;
}

export class Ledger {
  /** The next number of each connection, by the connection. */
  readonly #next: number[] = [];
  /** Numbers that were passed over and may still come, out of order. */
  readonly #missing: Set<number>[] = [];
  #last = 0;
  #read = 0;
  #damaged = 0;
  #doubled = 0;
  #disordered = 0;
  /** Where the message before stood, as `connection number`. */
  #before: readonly [connection: number, number: number] = [0, -1];
  #repeatBytes = 0;
  #mostRepeatBytes = 0;

  /** Messages of a connection that have come, from its first one on. */
  countOf(connection: number): number {
    return this.#next[connection] ?? 0;
  }

  add(value: Uint8Array | string | null): void {
    this.#read++;
    const text = value === null ? '' : typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
    const body = text.slice(0, -9);
    if (text.slice(-9) !== ` ${crc32(body).toString(16).padStart(8, '0')}`) {
      this.#damaged++;
      return;
    }
    const [connection = 0, number = 0] = body.split(' ', 2).map(Number);
    const next = this.#next[connection] ?? 0;
    this.#missing[connection] ??= new Set();
    const missing = this.#missing[connection];
    const goesBack = connection < this.#before[0] || (connection === this.#before[0] && number <= this.#before[1]);
    this.#before = [connection, number];
    if (number < next) {
      if (missing.delete(number)) this.#disordered++;
      else {
        this.#doubled++;
        this.#repeatBytes = (goesBack ? 0 : this.#repeatBytes) + text.length;
        this.#mostRepeatBytes = Math.max(this.#mostRepeatBytes, this.#repeatBytes);
      }
      return;
    }
    if (connection < this.#last) this.#disordered++;
    this.#last = Math.max(this.#last, connection);
    for (let passed = next; passed < number; passed++) missing.add(passed);
    this.#next[connection] = number + 1;
  }

  audit(connections: readonly SentOver[]): Audit {
    let lost = 0;
    let unknown = 0;
    for (const [connection, { sent, confirmed }] of connections.entries()) {
      lost += Math.max(0, confirmed - this.countOf(connection));
      unknown += Math.max(0, this.countOf(connection) - sent);
    }
    unknown += this.#next.slice(connections.length).reduce((sum, count) => sum + (count ?? 0), 0);
    const holes = this.#missing.reduce((sum, missing) => sum + missing.size, 0);
    const { read, damaged, doubled, disordered } = this;
    return { read, damaged, doubled, disordered, holes, lost, unknown };
  }

  get read(): number {
    return this.#read;
  }

  /** The longest stretch that came again in one go, as somebody sends it who takes up at an earlier place. */
  get mostRepeatBytes(): number {
    return this.#mostRepeatBytes;
  }

  get damaged(): number {
    return this.#damaged;
  }

  get doubled(): number {
    return this.#doubled;
  }

  get disordered(): number {
    return this.#disordered;
  }
}

/** An audit that finds nothing. */
export function flawless(read: number): Audit {
  return { read, damaged: 0, doubled: 0, disordered: 0, holes: 0, lost: 0, unknown: 0 };
}
