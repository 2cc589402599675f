/**
 * The thread that owns the store. Everything that has arrived when it looks is written in one transaction, with one sync:
 * the more is waiting, the less each write costs.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { isError, TributaryError } from '../../base/errors.ts';
import type { Failure, StoreRead, StoreWrite } from './protocol.ts';
import { storeError } from './sqlite-errors.ts';
import { Store } from './store.ts';
import type { StoreAnswer, StoreRequest, StoreThreadData } from './thread-messages.ts';

/** A checkpoint moves what the log holds into the file; at this much written it pays, and the log stays small. */
const checkpointBytes = 8 * 1024 * 1024;

if (parentPort === null) throw new TributaryError('INTERNAL', 'store-thread.ts runs in a worker thread only');
const port = parentPort;
const { path, maxBytes, nowMs } = workerData as StoreThreadData;
let written = 0;

const opened = open();
if (opened !== undefined) {
  port.on('message', (first: StoreRequest) => serve(opened, first));
}

function open(): Store | undefined {
  try {
    const store = new Store(path, maxBytes, nowMs);
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
  const writes = requests.flatMap((request) => (request.kind === 'write' ? request.writes : []));
  if (writes.length > 0) commit(store, requests, writes);
  for (const request of requests) if (request.kind === 'read') read(store, request.id, request.read);
  if (requests.some(({ kind }) => kind === 'close')) {
    store.close();
    answer({ kind: 'closed' });
    port.close();
  }
}

function commit(store: Store, requests: readonly StoreRequest[], writes: readonly StoreWrite[]): void {
  const { results, partitions } = store.commit(writes);
  const buffers: ArrayBuffer[] = [];
  for (const write of writes) {
    if (write.kind !== 'append') continue;
    buffers.push(write.buffer);
    written += write.length;
  }
  const ids = requests.flatMap((request) =>
    request.kind === 'write' ? [{ id: request.id, count: request.writes.length }] : [],
  );
  answer({ kind: 'committed', ids, results, partitions, buffers }, buffers);
  if (written < checkpointBytes) return;
  written = 0;
  try {
    store.checkpoint();
  } catch (error) {
    answer({ kind: 'checkpoint-failed', failure: failureOf(error) });
  }
}

function read(store: Store, id: number, request: StoreRead): void {
  try {
    const result = readFrom(store, request);
    answer({ kind: 'read', id, result });
  } catch (error) {
    answer({ kind: 'read-failed', id, failure: failureOf(error) });
  }
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
  const { code, message, retriable } = isError(error) ? error : storeError(error, path);
  return { code, message, retriable };
}

function answer(message: StoreAnswer, transfer: readonly ArrayBuffer[] = []): void {
  port.postMessage(message, [...transfer]);
}
