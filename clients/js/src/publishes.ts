/** Publishes without an answer: what is on its way, and what waits for a connection or for room. Order is that of the calls. */
import { GatewayError, type Published, type PublishOptions } from './api.ts';
import { byteLength, pubMembers } from './frames.ts';

interface Publish {
  readonly members: string;
  readonly resolve: (published: Published) => void;
  readonly reject: (reason: unknown) => void;
  id: number;
  failures: number;
  isAbandoned: boolean;
}

export interface PublishLine {
  newId(): number;
  send(frame: string): void;
  /** Calls back after the pause that so many failures ask for. */
  later(failures: number, again: () => void): void;
}

export class Publishes {
  readonly #line: PublishLine;
  readonly #maxWaiting: number;
  readonly #prefix: string;
  #mids = 0;
  #waiting: Publish[] = [];
  /** In the order sent, which is that of the ids. */
  readonly #sent = new Map<number, Publish>();
  /** Failed in a way that may pass. */
  readonly #resting = new Set<Publish>();

  constructor(line: PublishLine, maxWaiting: number, prefix: string) {
    this.#line = line;
    this.#maxWaiting = maxWaiting;
    this.#prefix = prefix;
  }

  has(id: number): boolean {
    return this.#sent.has(id);
  }

  add(topic: string, value: unknown, options: PublishOptions): Promise<Published> {
    return new Promise((resolve, reject) => {
      const { signal } = options;
      signal?.throwIfAborted();
      // Those that rest wait as well: a gateway that refuses everything for a while must not let them grow without bound.
      if (this.#waiting.length + this.#resting.size >= this.#maxWaiting) {
        throw new GatewayError('queue_full', `Cannot publish: ${this.#maxWaiting} publishes wait already`);
      }
      const members = pubMembers(topic, value, options.mid ?? `${this.#prefix}-${++this.#mids}`, options);
      const abandon = (): void => this.#abandon(publish, signal!.reason);
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T): void => {
          signal?.removeEventListener('abort', abandon);
          settle(value);
        };
      };
      const publish: Publish = {
        members,
        resolve: settled(resolve),
        reject: settled(reject),
        id: 0,
        failures: 0,
        isAbandoned: false,
      };
      signal?.addEventListener('abort', abandon);
      this.#waiting.push(publish);
    });
  }

  /** As many as there is room for. */
  pump(maxInflight: number, maxBytes: number): void {
    while (this.#sent.size < maxInflight) {
      const publish = this.#waiting.shift();
      if (publish === undefined) return;
      publish.id = this.#line.newId();
      const frame = `{"type":"pub","id":${publish.id},${publish.members}`;
      // The gateway would end the connection, and with it everything else.
      if (frame.length * 3 > maxBytes && byteLength(frame) > maxBytes) {
        publish.reject(new GatewayError('too_large', `Cannot publish: the gateway takes frames of ${maxBytes} bytes`));
        continue;
      }
      this.#sent.set(publish.id, publish);
      this.#line.send(frame);
    }
  }

  answered(id: number, { partition, offset, timestamp, duplicate = false }: Partial<Published>): void {
    const place = { partition, offset, timestamp, duplicate } as Published;
    this.#sent.get(id)?.resolve(place);
    this.#sent.delete(id);
  }

  /** `failed`: for good. Else it is sent again after a pause. Gives whether it is. */
  refused(id: number, reason: GatewayError, isRetryable: boolean, ready: () => void): boolean {
    const publish = this.#sent.get(id)!;
    this.#sent.delete(id);
    if (!isRetryable) {
      publish.reject(reason);
      return false;
    }
    if (publish.isAbandoned) return false;
    this.#resting.add(publish);
    this.#line.later(publish.failures++, () => {
      if (!this.#resting.delete(publish)) return;
      this.#waiting.unshift(publish);
      ready();
    });
    return true;
  }

  /** The connection is gone, and with it the answers. Gives how many will be sent again. */
  lost(): number {
    const again = [...this.#sent.values()].filter(({ isAbandoned }) => !isAbandoned);
    this.#sent.clear();
    this.#waiting = [...again, ...this.#waiting];
    return again.length;
  }

  fail(reason: unknown): void {
    for (const publish of [...this.#sent.values(), ...this.#resting, ...this.#waiting]) publish.reject(reason);
    this.#sent.clear();
    this.#resting.clear();
    this.#waiting = [];
  }

  /** One that is on its way keeps its id until it is answered. */
  #abandon(publish: Publish, reason: unknown): void {
    publish.isAbandoned = true;
    publish.reject(reason);
    this.#resting.delete(publish);
    const at = this.#waiting.indexOf(publish);
    if (at !== -1) this.#waiting.splice(at, 1);
  }
}
