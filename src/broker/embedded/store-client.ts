/** The broker's side of the store thread: requests and answers, the state of partitions, and who waits for it to change. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TributaryError } from '../../base/errors.ts';
import type { Failure, PartitionState, StoreRead, StoreState, StoreWrite, WriteResult } from './protocol.ts';
import type { StoreAnswer, StoreRequest, StoreThreadData } from './thread-messages.ts';

interface Waiting {
  readonly done: (result: never) => void;
  readonly failed: (error: TributaryError) => void;
}

/** Spare buffers that are kept for the next appends; more in flight are made anew and then left to the collector. */
const maxSpareBuffers = 8;

export class StoreClient {
  readonly #thread: Worker;
  /** Who waits for the answer to a request: several writes travel as one. */
  readonly #groups = new Map<number, readonly Waiting[]>();
  readonly #partitions = new Map<number, PartitionState>();
  readonly #watchers = new Map<number, Set<() => void>>();
  readonly #spare: ArrayBuffer[] = [];
  readonly #onCheckpointFailure: (failure: Failure) => void;
  readonly #ended: Promise<void>;
  /** Writes of this turn of the event loop, sent as one message at its end. */
  #outbox: { readonly writes: StoreWrite[]; readonly waiting: Waiting[] } = { writes: [], waiting: [] };
  #nextId = 1;
  #closed: TributaryError | undefined;

  static async open(
    data: StoreThreadData,
    onCheckpointFailure: (failure: Failure) => void,
  ): Promise<{ readonly client: StoreClient; readonly state: StoreState }> {
    // The sources run as .ts in a checkout, what is published as .js: the thread's file ends like this one.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const thread = new Worker(new URL(`./store-thread${extension}`, import.meta.url), { workerData: data });
    const [first] = (await Promise.race([once(thread, 'message'), failedToStart(thread)])) as [StoreAnswer];
    if (first.kind === 'opened')
      return { client: new StoreClient(thread, first.state, onCheckpointFailure), state: first.state };
    await thread.terminate();
    throw first.kind === 'failed-to-open'
      ? errorOf(first.failure)
      : new TributaryError('INTERNAL', 'The store thread did not open');
  }

  private constructor(thread: Worker, state: StoreState, onCheckpointFailure: (failure: Failure) => void) {
    this.#thread = thread;
    this.#onCheckpointFailure = onCheckpointFailure;
    for (const { partitions } of state.topics) this.adopt(partitions);
    thread.on('message', (answer: StoreAnswer) => this.#take(answer));
    thread.on('error', (error) =>
      this.#end(new TributaryError('INTERNAL', 'The store thread failed', { cause: error })),
    );
    this.#ended = once(thread, 'exit').then(() => this.#end(closedError()));
    thread.unref(); // while nothing is under way it does not keep the process alive
  }

  partition(no: number): PartitionState | undefined {
    return this.#partitions.get(no);
  }

  /** Takes over the states of partitions that were just made. */
  adopt(partitions: readonly PartitionState[]): void {
    for (const partition of partitions) this.#partitions.set(partition.no, partition);
  }

  /** Forgets partitions of a deleted topic and wakes who waits for them. */
  forget(partitions: readonly PartitionState[]): void {
    for (const { no } of partitions) {
      this.#partitions.delete(no);
      this.#wake(no);
    }
  }

  /** A buffer of at least `bytes` for an append; it comes back here with the answer. */
  buffer(bytes: number): ArrayBuffer {
    const index = this.#spare.findIndex((spare) => spare.byteLength >= bytes);
    return index === -1 ? new ArrayBuffer(Math.max(bytes, 64 * 1024)) : this.#spare.splice(index, 1)[0]!;
  }

  /** Resolves when the write is on the disk. Appends resolve with what became of them, others throw what failed. */
  write(write: StoreWrite): Promise<WriteResult> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#outbox.writes.length === 0) queueMicrotask(() => this.#post());
    this.#outbox.writes.push(write);
    return new Promise<WriteResult>((done, failed) => {
      this.#outbox.waiting.push({ done: done as Waiting['done'], failed });
    });
  }

  read<T>(read: StoreRead): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise<T>((done, failed) => {
      this.#send({ kind: 'read', id: this.#wait([{ done: done as Waiting['done'], failed }]), read });
    });
  }

  /** Resolves when the partition changes (or is gone), or the signal aborts. */
  changed(no: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      let watchers = this.#watchers.get(no);
      if (watchers === undefined) {
        watchers = new Set();
        this.#watchers.set(no, watchers);
      }
      const wake = (): void => {
        watchers.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      watchers.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  async close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#post();
      this.#closed = closedError();
      this.#thread.ref();
      this.#thread.postMessage({ kind: 'close' } satisfies StoreRequest);
      for (const no of this.#watchers.keys()) this.#wake(no);
    }
    await this.#ended;
  }

  #post(): void {
    const { writes, waiting } = this.#outbox;
    if (writes.length === 0) return;
    this.#outbox = { writes: [], waiting: [] };
    const buffers = writes.flatMap((write) => (write.kind === 'append' ? [write.buffer] : []));
    this.#send({ kind: 'write', id: this.#wait(waiting), writes }, buffers);
  }

  #wait(waiting: readonly Waiting[]): number {
    const id = this.#nextId++;
    if (this.#groups.size === 0) this.#thread.ref();
    this.#groups.set(id, waiting);
    return id;
  }

  #send(request: StoreRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, [...transfer]);
  }

  #take(answer: StoreAnswer): void {
    switch (answer.kind) {
      case 'committed': {
        for (const partition of answer.partitions) {
          if (this.#partitions.has(partition.no)) this.#partitions.set(partition.no, partition);
        }
        let at = 0;
        for (const { id, count } of answer.ids) {
          const results = answer.results.slice(at, at + count);
          at += count;
          for (const [index, waiting] of this.#taken(id).entries()) waiting.done(results[index] as never);
        }
        for (const buffer of answer.buffers) if (this.#spare.length < maxSpareBuffers) this.#spare.push(buffer);
        for (const { no } of answer.partitions) this.#wake(no);
        break;
      }
      case 'read':
        for (const waiting of this.#taken(answer.id)) waiting.done(answer.result as never);
        break;
      case 'read-failed':
        for (const waiting of this.#taken(answer.id)) waiting.failed(errorOf(answer.failure));
        break;
      case 'checkpoint-failed':
        this.#onCheckpointFailure(answer.failure);
        break;
      case 'closed':
      case 'opened':
      case 'failed-to-open':
        break; // the thread's exit says the rest
    }
  }

  #taken(id: number): readonly Waiting[] {
    const waiting = this.#groups.get(id) ?? [];
    this.#groups.delete(id);
    if (this.#groups.size === 0 && this.#closed === undefined) this.#thread.unref();
    return waiting;
  }

  #wake(no: number): void {
    for (const wake of [...(this.#watchers.get(no) ?? [])]) wake();
  }

  #end(error: TributaryError): void {
    this.#closed ??= error;
    for (const id of [...this.#groups.keys()]) for (const { failed } of this.#taken(id)) failed(error);
    for (const no of this.#watchers.keys()) this.#wake(no);
  }
}

export function errorOf({ code, message, retriable }: Failure): TributaryError {
  return new TributaryError(code, message, { retriable });
}

/** The result of a write that is not an append; throws what failed. */
export function checked(result: WriteResult): WriteResult {
  if (result.kind === 'failed') throw errorOf(result.failure);
  return result;
}

export function closedError(): TributaryError {
  return new TributaryError('BROKER_CLOSED', 'The embedded broker is closed');
}

async function failedToStart(thread: Worker): Promise<never> {
  const [error] = (await once(thread, 'error')) as [unknown];
  throw new TributaryError('INTERNAL', 'The store thread could not be started', { cause: error });
}
