/**
 * The thread that owns the store. Everything that has arrived when it looks is written in one transaction, with one sync:
 * the more is waiting, the less each write costs.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { isError, TributaryError } from '../../base/errors.ts';
import { minCheckpointBytes, nextCheckpointBytes } from './checkpoint-pace.ts';
import type { Failure, Fetched, StoreRead, StoreWrite } from './protocol.ts';
import { logBytes, pageBytes } from './schema.ts';
import { asFailure, storeError } from './sqlite-errors.ts';
import { Store } from './store.ts';
import type { StoreAnswer, StoreRequest, StoreThreadData } from './thread-messages.ts';

/**
 * Small commits write the same pages again and again. Where those are most of the log it is let go on up to its bound, or checkpoints
 * would come several times a second, and be what one commit in a hundred waits for.
 */
/** Pages that a commit writes beside the batches themselves, about. */
const commitPages = 3;
/** What one step of trimming takes while nothing else is to be done. */
const trimBytes = 8 * 1024 * 1024;
/** While commits follow each other faster, they take old rows away themselves, and no step of its own makes them wait for a sync. */
const quietMs = 10;

if (parentPort === null) throw new TributaryError('INTERNAL', 'store-thread.ts runs in a worker thread only');
const port = parentPort;
const options = workerData as StoreThreadData;
let written = 0;
let logged = 0;
let checkpointBytes = minCheckpointBytes;
let trimming: NodeJS.Timeout | undefined;
let committedAtMs = Number.NEGATIVE_INFINITY;

const opened = open();
if (opened !== undefined) {
  port.on('message', (first: StoreRequest) => serve(opened, first));
  trimLater(opened);
}

function open(): Store | undefined {
  try {
    const store = new Store(options);
    answer({ kind: 'opened', state: store.state() });
    return store;
  } catch (error) {
    answer({ kind: 'failed-to-open', failure: failureOf(error) });
    return undefined;
  }
}

function serve(store: Store, first: StoreRequest): void {
  const requests = [first];
  for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
    requests.push(more.message as StoreRequest);
  }
  // Whoever reads did not wait for these writes, so it need not wait for their sync.
  for (const request of requests) if (request.kind === 'read') read(store, request.id, request.read);
  if (requests.some(({ kind }) => kind === 'loss-told')) upkeep(() => store.noteAcknowledged());
  commit(store, requests);
  if (requests.some(({ kind }) => kind === 'close')) {
    clearTimeout(trimming);
    store.close();
    port.close();
  } else trimLater(store);
}

function commit(store: Store, requests: readonly StoreRequest[]): void {
  const ids: number[] = [];
  const writes: StoreWrite[] = [];
  for (const request of requests) {
    if (request.kind !== 'write') continue;
    ids.push(request.id);
    writes.push(...request.writes);
  }
  if (writes.length === 0) return;
  const { results, partitions } = store.commit(writes);
  // What did not fit on the disk has taken nothing away either.
  if (partitions.length > 0) committedAtMs = performance.now();
  const buffers = writes.flatMap((write) => (write.kind === 'append' ? [write.buffer] : []));
  answer({ kind: 'committed', ids, results, partitions, buffers }, buffers);
  upkeep(() => store.noteAcknowledged());
  const bytes = writes.reduce((sum, write) => sum + bytesOf(write), 0);
  written += bytes;
  logged += bytes + commitPages * pageBytes;
  upkeep(() => {
    if (written < checkpointBytes && logged < logBytes) return;
    const isByBatches = written >= checkpointBytes;
    written = logged = 0;
    const sinceMs = performance.now();
    store.checkpoint();
    if (isByBatches) checkpointBytes = nextCheckpointBytes(checkpointBytes, performance.now() - sinceMs);
  });
}

function bytesOf(write: StoreWrite): number {
  if (write.kind === 'append') return write.length;
  if (write.kind !== 'compact') return 0;
  return write.changes.reduce((sum, { bytes }) => sum + (bytes instanceof Uint8Array ? bytes.length : 0), 0);
}

/** Old batches are taken away in steps, between which whoever has come is served; by the commits, where those do not end. */
function trimLater(store: Store): void {
  if (trimming !== undefined || !store.hasToTrim) return;
  const isBusy = (): boolean => performance.now() - committedAtMs < quietMs;
  trimming = setTimeout(
    () => {
      trimming = undefined;
      if (isBusy() || upkeep(() => store.trim(trimBytes))) trimLater(store);
    },
    isBusy() ? quietMs : 0,
  );
}

/** False where it failed: it is tried again after the next write. */
function upkeep(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    answer({ kind: 'upkeep-failed', failure: failureOf(error) });
    return false;
  }
}

function read(store: Store, id: number, request: StoreRead): void {
  try {
    const result = readFrom(store, request);
    answer({ kind: 'read', id, result }, request.kind === 'fetch' ? memoryOf(result as Fetched) : []);
  } catch (error) {
    answer({ kind: 'read-failed', id, failure: failureOf(error) });
  }
}

/** Bytes of batches are SQLite's copy for us, each in memory of its own: they travel without another one. */
function memoryOf({ batches }: Fetched): ArrayBuffer[] {
  return [...new Set(batches.map(({ bytes }) => bytes.buffer))];
}

function readFrom(store: Store, request: StoreRead): unknown {
  switch (request.kind) {
    case 'fetch':
      return store.fetch(request);
    case 'find-time':
      return store.findTime(request);
    case 'group-offsets':
      return store.groupOffsets(request.groupId);
    case 'partition-size':
      return store.partitionSize(request.partition);
  }
}

function failureOf(error: unknown): Failure {
  return asFailure(isError(error) ? error : storeError(error, options.path));
}

function answer(message: StoreAnswer, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
}
