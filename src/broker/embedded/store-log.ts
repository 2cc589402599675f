/** Batches of partitions: appended, read, and taken away. Runs inside the store's transaction. */
import { readBatchHeader } from '../../record/batch-header.ts';
import { attributeBits, batchHeaderBytes, layout, lengthFieldEnd, readInt64 } from '../../record/layout.ts';
import { setBaseOffset } from '../../record/patch.ts';
import { boundLast, lastOffsetOf } from './batch-end.ts';
import type { Appended, CompactedBatch, Fetched, PartitionSize, StoredBatch, StoreRead } from './protocol.ts';
import { isCorruption } from './sqlite-errors.ts';
import { type Partition, type StoreMemory, stableOffset } from './store-memory.ts';
import type { BatchRow, StoreSql } from './store-sql.ts';
import type { StoreTransactions } from './store-transactions.ts';

/** Appends after which a partition's row is written: what an open after a crash has to add up again. */
const saveEvery = 4096;
/** Rows that one step of trimming takes at most. */
const trimRows = 512;
/** So many are looked up at once: a step may be over after a few of them. */
const trimChunk = 16;

export class StoreLog {
  readonly #sql: StoreSql;
  readonly #memory: StoreMemory;

  constructor(sql: StoreSql, memory: StoreMemory) {
    this.#sql = sql;
    this.#memory = memory;
  }

  append(no: number, bytes: Buffer, transactions: StoreTransactions): Appended {
    const { partitions, sequences } = this.#memory;
    const partition = partitions.get(no);
    if (partition === undefined) return failed('UNKNOWN_TOPIC', 'Cannot store a batch: its topic was deleted');
    const header = readBatchHeader(bytes);
    const { producerId, producerEpoch, baseSequence, recordCount } = header;
    const place = sequences.check(no, producerId, producerEpoch, baseSequence);
    if (place.kind === 'duplicate') return { kind: 'stored', base: place.base, last: place.base + recordCount - 1 };
    if (place.kind === 'fenced') return failed('PRODUCER_FENCED', 'A newer producer has taken over');
    if (place.kind === 'out-of-order') return place;
    const base = partition.next;
    const last = base + header.lastOffset - header.baseOffset;
    const txn = header.isTransactional ? transactions.join(producerId, producerEpoch, partition, base, last) : 0;
    this.insert(partition, bytes, { last, time: header.maxTimestampMs, txn, control: 0 });
    sequences.add(no, producerId, producerEpoch, baseSequence, recordCount, base);
    this.boundBytes(partition);
    return { kind: 'stored', base, last };
  }

  /** Gives the batch its place at the end of the partition. */
  insert(
    partition: Partition,
    bytes: Buffer,
    row: { readonly last: number; readonly time: number; readonly txn: number; readonly control: 0 | 1 },
  ): void {
    const base = partition.next;
    setBaseOffset(bytes, 0, base);
    const body = this.#memory.nextBody++;
    this.#sql.insertBody.run(body, bytes);
    this.#sql.insertBatch.run(partition.no, base, row.last, row.time, bytes.length, body, row.txn, row.control, null);
    partition.next = row.last + 1;
    partition.bytes += bytes.length;
    if (++partition.unsaved >= saveEvery) this.save(partition);
    this.#memory.changed.add(partition.no);
  }

  /** Batches from `offset` on, at least one where there is one below `limit`. */
  fetch({ partition, offset, limit, maxBytes }: StoreRead & { readonly kind: 'fetch' }): Fetched {
    const batches: StoredBatch[] = [];
    let bytes = 0;
    let nextOffset = offset;
    let repaired = 0;
    const upTo = (next: number, damaged: Fetched['damaged'] = []): Fetched => ({
      ...{ batches, nextOffset: next, damaged, repaired },
    });
    for (const row of this.#rowsFrom(partition, offset)) {
      if (row.base >= limit) break;
      const missing = this.#missing(partition, nextOffset, row.base);
      if (missing !== undefined) return batches.length > 0 ? upTo(nextOffset) : upTo(row.base, [missing]);
      if (batches.length > 0 && bytes + row.size > maxBytes) return upTo(nextOffset);
      const body = this.#body(row);
      if (typeof body === 'string') {
        // What is whole before it is given first; the next fetch begins here.
        if (batches.length > 0) return upTo(nextOffset);
        return upTo(row.last + 1, [{ base: row.base, last: row.last, reason: body }]);
      }
      if (row.isBounded === true || body.last !== row.last) repaired++;
      bytes += row.size;
      nextOffset = body.last + 1;
      const { base, time, horizon } = row;
      const isAborted = this.#memory.aborted.has(row.txn);
      batches.push({ base, ...body, time, horizon, isControl: row.control === 1, isAborted });
    }
    const missing = this.#missing(partition, nextOffset, limit);
    if (missing !== undefined && batches.length > 0) return upTo(nextOffset);
    return upTo(Math.max(nextOffset, limit), missing === undefined ? [] : [missing]);
  }

  /** What should stand between two offsets and does not, where nothing was ever taken out from between. */
  #missing(no: number, from: number, to: number): Fetched['damaged'][number] | undefined {
    const partition = this.#memory.partitions.get(no);
    if (from >= to || partition === undefined || from < partition.first || !this.#memory.isDense(partition, from))
      return;
    return { base: from, last: to - 1, reason: 'its entry in the index is missing' };
  }

  /** Base offset of the first batch that holds a record at or after the time, or undefined. */
  findTime({ partition, timestampMs, from }: StoreRead & { readonly kind: 'find-time' }): number | undefined {
    const [first] = this.#rowsFrom(partition, from);
    if (first === undefined) return undefined;
    const row = this.#sql.batchAtTime.get(partition, first.base, timestampMs);
    return row === undefined ? undefined : Number(row['base']);
  }

  size(no: number): PartitionSize {
    const compactedTo = Number(this.#sql.compactedTo.get(no)?.['compacted'] ?? 0);
    const row = this.#sql.partitionSize.get(compactedTo, no);
    const horizon = row?.['horizon'] ?? null;
    return {
      bytes: Number(row?.['bytes'] ?? 0),
      batches: Number(row?.['batches'] ?? 0),
      compactedTo,
      dirtyBytes: Number(row?.['dirty'] ?? 0),
      oldestDirtyMs: Number(row?.['oldest'] ?? Number.POSITIVE_INFINITY),
      firstHorizonMs: horizon === null ? null : Number(horizon),
    };
  }

  /** Records below `offset` are gone for every reader; `trim` takes their rows away. A batch around it stays whole. */
  deleteBelow(partition: Partition, offset: number): void {
    if (offset <= partition.first) return;
    for (const row of this.#rowsFrom(partition.no, partition.first)) {
      if (row.last >= offset) break;
      partition.bytes -= row.size;
    }
    partition.first = offset;
    this.#memory.toTrim.add(partition.no);
    this.#memory.changed.add(partition.no);
    this.save(partition);
  }

  /** Takes the batches away that lie whole between the two. A first one that begins before stays whole. */
  deleteBetween(partition: Partition, from: number, to: number): void {
    const start = Math.max(from, partition.first);
    const rows: BatchRow[] = [];
    for (const row of this.#rowsFrom(partition.no, start)) {
      if (row.last >= to) break;
      if (row.base >= start) rows.push(row);
    }
    for (const row of rows) {
      this.#deleteRow(partition.no, row);
      partition.bytes -= row.size;
    }
    if (to > partition.compacted) {
      this.#sql.setCompacted.run(to, partition.no);
      partition.compacted = to;
    }
    this.#memory.changed.add(partition.no);
    this.save(partition);
  }

  /** Takes the oldest batches away, as Kafka does: never below the bound, never beyond an open transaction. */
  boundBytes(partition: Partition): void {
    if (partition.bytes <= partition.maxBytes) return;
    const stable = stableOffset(partition);
    let left = partition.bytes;
    let to = partition.first;
    for (const row of this.#rowsFrom(partition.no, partition.first)) {
      left -= row.size;
      if (left < partition.maxBytes || row.last >= stable) break;
      to = row.last + 1;
    }
    this.deleteBelow(partition, to);
  }

  /** Takes away the batches at the start whose records are all older. */
  expire(partition: Partition, beforeMs: number): void {
    const stable = stableOffset(partition);
    let to = partition.first;
    for (const row of this.#rowsFrom(partition.no, partition.first)) {
      if (row.time >= beforeMs || row.last >= stable) break;
      to = row.last + 1;
    }
    this.deleteBelow(partition, to);
  }

  compact(partition: Partition, changes: readonly CompactedBatch[], compactedTo: number): void {
    for (const { base, bytes, horizon } of changes) {
      const row = this.#sql.batch.get(partition.no, base) as BatchRow | undefined;
      if (row === undefined || row.last < partition.first) continue; // retention was here meanwhile
      const size = bytes === null ? 0 : bytes === 'unchanged' ? row.size : bytes.length;
      if (bytes === null) this.#deleteRow(partition.no, row);
      else {
        if (bytes !== 'unchanged') this.#sql.replaceBody.run(bytes, row.body);
        this.#sql.setBatch.run(horizon, size, partition.no, base);
      }
      partition.bytes += size - row.size;
    }
    this.#sql.setCompacted.run(compactedTo, partition.no);
    partition.compacted = compactedTo;
    this.save(partition);
  }

  /** Takes away rows that no reader can reach, about `budgetBytes` of them. True while there are more. */
  trim(budgetBytes: number): boolean {
    const { toTrim, partitions } = this.#memory;
    let rowsLeft = trimRows;
    for (const no of toTrim) {
      const first = partitions.get(no)?.first ?? Number.MAX_SAFE_INTEGER;
      for (let isMore = true; isMore; ) {
        const rows = this.#sql.batchesBelow.all(no, first, trimChunk) as unknown as readonly BatchRow[];
        let deleted = 0;
        for (const [index, row] of rows.entries()) {
          // Only the last below may reach beyond `first`, whatever a damaged entry says of its end.
          if (index + 1 === rows.length && row.last >= first) break;
          if (budgetBytes <= 0 || rowsLeft === 0) return true;
          deleted += this.#deleteRow(no, row);
          budgetBytes -= row.size;
          rowsLeft--;
        }
        // Where a damaged key keeps all of them from being found, asking again would not end.
        isMore = rows.length === trimChunk && deleted > 0;
      }
      toTrim.delete(no);
      if (!partitions.has(no)) this.#sql.deleteDropped.run(no);
    }
    return false;
  }

  /** Writes what memory knows of the partition, so that an open need not count it. */
  save(partition: Partition): void {
    const { first, next, bytes, no } = partition;
    this.#sql.savePartition.run(first, next, bytes, no);
    partition.unsaved = 0;
  }

  /** No row ends behind the beginning of the next one, nor behind the end of the partition, if its entry is damaged. */
  *#rowsFrom(no: number, offset: number): Generator<BatchRow> {
    const end = this.#memory.partitions.get(no)?.next ?? Number.MAX_SAFE_INTEGER;
    let before: BatchRow | undefined;
    for (const row of this.#sql.batchesFrom.iterate(no, offset) as Iterable<unknown> as Iterable<BatchRow>) {
      const bounded = before && boundRow(before, row.base);
      before = row;
      if (bounded !== undefined && bounded.last >= offset) yield bounded;
    }
    const bounded = before && boundRow(before, end);
    if (bounded !== undefined && bounded.last >= offset) yield bounded;
  }

  /** The batch's bytes and where they end, or why there are none to use. The checksum is looked at by whoever decodes them. */
  #body({ base, last, size, body, txn, control }: BatchRow): Pick<StoredBatch, 'bytes' | 'last'> | string {
    try {
      const bytes = this.#sql.body.get(body)?.['bytes'] as Uint8Array<ArrayBuffer> | undefined;
      if (bytes === undefined) return 'its bytes are missing';
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      if (view.length !== size || size < batchHeaderBytes) return `it has ${view.length} bytes instead of ${size}`;
      if (view.readInt32BE(layout.length) + lengthFieldEnd !== size) return 'its length field is wrong';
      if (readInt64(view, layout.baseOffset) !== base) return 'its first offset is wrong';
      const attributes = view.readInt16BE(layout.attributes);
      const isControl = (attributes & attributeBits.control) !== 0;
      const isTransactional = (attributes & attributeBits.transactional) !== 0;
      const ownLast = lastOffsetOf(view, base, last);
      const isAsIndexed = isControl === (control === 1) && (isControl || isTransactional === (txn !== 0)); // a marker stands for the end of a transaction
      return isAsIndexed && ownLast !== undefined
        ? { bytes, last: ownLast }
        : 'it is not the batch that the index describes';
    } catch (error) {
      if (isCorruption(error)) return 'the file is damaged where its bytes are';
      throw error;
    }
  }

  /** Gives 0 where the row is not found by its key. */
  #deleteRow(no: number, { base, body }: BatchRow): number {
    this.#sql.deleteBody.run(body);
    return Number(this.#sql.deleteBatch.run(no, base).changes);
  }
}

function boundRow(row: BatchRow, following: number): BatchRow {
  const last = boundLast(row.base, row.last, following);
  return last === row.last ? row : { ...row, last, isBounded: true };
}

function failed(code: 'UNKNOWN_TOPIC' | 'PRODUCER_FENCED', message: string): Appended {
  return { kind: 'failed', failure: { code, message, retriable: false } };
}
