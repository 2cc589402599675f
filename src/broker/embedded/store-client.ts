/** The broker's side of the store thread: requests and answers, the state of partitions, and who waits for it to change. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TributaryError } from '../../base/errors.ts';
import { LogTail } from './log-tail.ts';
import type {
  Appended,
  AppendWrite,
  Failure,
  PartitionState,
  StoreRead,
  StoreState,
  StoreWrite,
  WriteResult,
} from './protocol.ts';
import type { StoreAnswer, StoreRequest, StoreThreadData } from './thread-messages.ts';

/** What became of an append, and its buffer again: for the next batch, or to be sent once more. */
export interface AppendAnswer {
  readonly appended: Appended;
  readonly buffer: ArrayBuffer;
}

interface Waiting {
  readonly done: (result: never) => void;
  readonly failed: (error: TributaryError) => void;
  readonly isAppend: boolean;
}

/** Bytes of appends that may wait for the disk, all producers together. More would only be memory. */
const maxUnansweredBytes = 8 * 1024 * 1024;
/** What `takeBuffer` gives: of one size, so that each can be used again for any batch. */
export const appendBufferBytes = 512 * 1024;
const maxSpareBuffers = 6;
/** The same where what was stored is read again at once: so many are with the reader. */
const maxSpareWithTail = 16;

export class StoreClient {
  /** What was stored last, for readers that follow closely. */
  readonly tail: LogTail = new LogTail((buffer) => this.releaseBuffer(buffer));
  readonly #thread: Worker;
  /** Who waits for the answer to a request: several writes travel as one. */
  readonly #requests = new Map<number, readonly Waiting[]>();
  readonly #partitions = new Map<number, PartitionState>();
  readonly #watchers = new Map<number, Set<() => void>>();
  readonly #spare: ArrayBuffer[] = [];
  readonly #onUpkeepFailure: (failure: Failure) => void;
  readonly #ended: Promise<void>;
  /** Writes of this turn of the event loop, sent as one message at its end, and those that may wait for them. */
  #outbox: { readonly writes: StoreWrite[]; readonly waiting: Waiting[] } = { writes: [], waiting: [] };
  #isPosting = false;
  #postTimer: NodeJS.Timeout | undefined;
  #unansweredBytes = 0;
  #forRoom: (() => void)[] = [];
  #nextId = 1;
  /** Reasons for the process to stay alive: answers that are waited for. */
  #holds = 0;
  #closed: TributaryError | undefined;

  static async open(
    data: StoreThreadData,
    onUpkeepFailure: (failure: Failure) => void,
  ): Promise<{ readonly client: StoreClient; readonly state: StoreState }> {
    // The sources run as .ts in a checkout, what is published as .js: the thread's file ends like this one.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const thread = new Worker(new URL(`./store-thread${extension}`, import.meta.url), {
      workerData: data,
      execArgv: [], // what the process was started with (--eval, --test) is not the thread's
      // It handles buffers, which are not in its heap.
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const [first] = (await Promise.race([once(thread, 'message'), failedToStart(thread)])) as [StoreAnswer];
    if (first.kind === 'opened')
      return { client: new StoreClient(thread, first.state, onUpkeepFailure), state: first.state };
    await thread.terminate();
    throw first.kind === 'failed-to-open'
      ? errorOf(first.failure)
      : new TributaryError('INTERNAL', 'The store thread did not open');
  }

  private constructor(thread: Worker, state: StoreState, onUpkeepFailure: (failure: Failure) => void) {
    this.#thread = thread;
    this.#onUpkeepFailure = onUpkeepFailure;
    for (const { partitions } of state.topics) this.adopt(partitions);
    thread.on('message', (answer: StoreAnswer) => this.#take(answer));
    thread.on('error', (error) =>
      this.#end(new TributaryError('INTERNAL', 'The store thread failed', { cause: error })),
    );
    this.#ended = once(thread, 'exit').then(
      () => this.#end(closedError()),
      () => {}, // 'error' has told it
    );
    thread.unref(); // while nothing is under way it does not keep the process alive
  }

  partition(no: number): PartitionState | undefined {
    return this.#partitions.get(no);
  }

  /** Takes over the states of partitions that were just made. */
  adopt(partitions: readonly PartitionState[]): void {
    for (const partition of partitions)
      if (!this.#partitions.has(partition.no)) this.#partitions.set(partition.no, partition);
  }

  /** Forgets partitions of a deleted topic and wakes who waits for them. */
  forget(partitions: readonly PartitionState[]): void {
    for (const { no } of partitions) {
      this.#partitions.delete(no);
      this.tail.remove(no);
      this.#wake(no);
    }
  }

  /** False while so much waits for the disk that nothing more should be encoded. */
  get hasRoom(): boolean {
    return this.#unansweredBytes < maxUnansweredBytes;
  }

  /** Calls once, after the next answer. */
  onRoom(callback: () => void): void {
    this.#forRoom.push(callback);
  }

  /** A buffer to encode into: one that came back, or a new one. */
  takeBuffer(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(appendBufferBytes);
  }

  /** Gives a buffer back that is no longer needed. */
  releaseBuffer(buffer: ArrayBuffer): void {
    const max = this.tail.isUsed ? maxSpareWithTail : maxSpareBuffers;
    if (buffer.byteLength === appendBufferBytes && this.#spare.length < max) this.#spare.push(buffer);
  }

  /** The buffer is away until the answer. Rejects only where the thread has ended: BROKER_CLOSED, INTERNAL. */
  append(partition: number, buffer: ArrayBuffer, length: number): Promise<AppendAnswer> {
    this.#unansweredBytes += buffer.byteLength;
    return this.#enqueue({ kind: 'append', partition, buffer, length }, 0);
  }

  /**
   * Resolves when the write is on the disk; throws what failed. It may wait so long for another one to go with it, so that it
   * needs no sync of its own.
   */
  async write(write: Exclude<StoreWrite, AppendWrite>, withinMs = 0): Promise<WriteResult> {
    const result = await this.#enqueue<WriteResult>(write, withinMs);
    if (result.kind === 'failed') throw errorOf(result.failure);
    return result;
  }

  read<T>(read: StoreRead): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise<T>((done, failed) => {
      const id = this.#wait([{ done: done as Waiting['done'], failed, isAppend: false }]);
      this.#send({ kind: 'read', id, read });
    });
  }

  /** To be called when whoever listens was told what is lost: the next open then does not tell it again. */
  lossTold(): void {
    this.#send({ kind: 'loss-told' });
  }

  /** Resolves when the partition changes (or is gone), or the signal aborts. */
  changed(no: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const watchers = this.#watchers.get(no) ?? new Set();
      this.#watchers.set(no, watchers);
      this.#hold();
      const wake = (): void => {
        watchers.delete(wake);
        if (watchers.size === 0) this.#watchers.delete(no);
        signal?.removeEventListener('abort', wake);
        this.#release();
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
      this.#send({ kind: 'close' });
      for (const no of [...this.#watchers.keys()]) this.#wake(no);
    }
    await this.#ended;
  }

  #enqueue<T>(write: StoreWrite, withinMs: number): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (withinMs > 0) this.#postTimer ??= setTimeout(() => this.#post(), withinMs);
    else if (!this.#isPosting) queueMicrotask(() => this.#post());
    this.#isPosting ||= withinMs === 0;
    this.#outbox.writes.push(write);
    return new Promise<T>((done, failed) => {
      this.#outbox.waiting.push({ done: done as Waiting['done'], failed, isAppend: write.kind === 'append' });
    });
  }

  #post(): void {
    clearTimeout(this.#postTimer);
    this.#postTimer = undefined;
    this.#isPosting = false;
    const { writes, waiting } = this.#outbox;
    if (writes.length === 0) return;
    this.#outbox = { writes: [], waiting: [] };
    const buffers = writes.flatMap((write) => (write.kind === 'append' ? [write.buffer] : []));
    this.#send({ kind: 'write', id: this.#wait(waiting), writes }, buffers);
  }

  #wait(waiting: readonly Waiting[]): number {
    const id = this.#nextId++;
    this.#requests.set(id, waiting);
    this.#hold();
    return id;
  }

  #send(request: StoreRequest, transfer: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, [...transfer]);
  }

  #take(answer: StoreAnswer): void {
    switch (answer.kind) {
      case 'committed':
        this.#committed(answer);
        break;
      case 'read':
        for (const { done } of this.#taken(answer.id)) done(answer.result as never);
        break;
      case 'read-failed':
        for (const { failed } of this.#taken(answer.id)) failed(errorOf(answer.failure));
        break;
      case 'upkeep-failed':
        this.#onUpkeepFailure(answer.failure);
        break;
      case 'opened':
      case 'failed-to-open':
        break; // `open` has heard it
    }
  }

  #committed({ ids, results, partitions, buffers }: StoreAnswer & { readonly kind: 'committed' }): void {
    for (const partition of partitions)
      if (this.#partitions.has(partition.no)) this.#partitions.set(partition.no, partition);
    let at = 0;
    let bufferAt = 0;
    for (const id of ids) {
      for (const { done, isAppend } of this.#taken(id)) {
        const result = results[at++]!;
        if (isAppend && result.kind === 'append') {
          const buffer = buffers[bufferAt++]!;
          this.#unansweredBytes -= buffer.byteLength;
          done({ appended: result.result, buffer } as never);
        } else done(result as never);
      }
    }
    for (const { no } of partitions) this.#wake(no);
    for (const callback of this.#forRoom.splice(0)) callback();
  }

  #taken(id: number): readonly Waiting[] {
    const waiting = this.#requests.get(id);
    if (waiting === undefined) return [];
    this.#requests.delete(id);
    this.#release();
    return waiting;
  }

  #hold(): void {
    if (this.#holds++ === 0) this.#thread.ref();
  }

  #release(): void {
    if (--this.#holds === 0 && this.#closed === undefined) this.#thread.unref();
  }

  #wake(no: number): void {
    for (const wake of [...(this.#watchers.get(no) ?? [])]) wake();
  }

  /** The thread is gone: nobody else will answer. */
  #end(error: TributaryError): void {
    this.#closed ??= error;
    clearTimeout(this.#postTimer);
    for (const { failed } of this.#outbox.waiting.splice(0)) failed(this.#closed);
    for (const id of [...this.#requests.keys()]) for (const { failed } of this.#taken(id)) failed(this.#closed);
    for (const no of [...this.#watchers.keys()]) this.#wake(no);
    for (const callback of this.#forRoom.splice(0)) callback();
  }
}

export function errorOf({ code, message, retriable }: Failure): TributaryError {
  return new TributaryError(code, message, { retriable });
}

export function closedError(): TributaryError {
  return new TributaryError('BROKER_CLOSED', 'The embedded broker is closed');
}

async function failedToStart(thread: Worker): Promise<never> {
  const [error] = (await once(thread, 'error')) as [unknown];
  throw new TributaryError('INTERNAL', 'The store thread could not be started', { cause: error });
}
