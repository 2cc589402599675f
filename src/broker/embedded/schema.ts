/**
 * The file: its pragmas, tables and version. Layout, and why:
 *
 * - `bodies` holds each batch whole, as Kafka v2 bytes, under a number that only grows: inserts go to the right edge of
 *   the tree and a batch fills its own pages. `batches` is the small index over them, so that a lookup by offset or time
 *   and retention never touch a body.
 * - `partitions` is a checkpoint of what memory knows: rows of `batches` at or above `next` are added at open. Without
 *   it each commit would write one page more, or each open would sum every row.
 * - `transactions` holds only open and aborted ones: committing deletes the row, whatever the number of batches.
 * - Pages of 32 KiB and a checkpoint every 8 MiB of batches: measured, twice as fast as 4 KiB pages.
 */
import { DatabaseSync } from 'node:sqlite';
import { TributaryError } from '../../base/errors.ts';
import { storeError } from './sqlite-errors.ts';

/** "TRIB": tells our file from other SQLite databases. */
export const applicationId = 0x54524942;
export const formatVersion = 1;
export const pageBytes = 32 * 1024;
/** The write-ahead log is moved into the file when it has that size. */
export const logBytes = 128 * 1024 * 1024;

const tables = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE topics (no INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, id TEXT NOT NULL, config TEXT NOT NULL) STRICT;
CREATE TABLE partitions (
  no INTEGER PRIMARY KEY AUTOINCREMENT, topic INTEGER NOT NULL, partition INTEGER NOT NULL,
  first INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
  compacted INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)) STRICT;
CREATE TABLE batches (
  partition INTEGER NOT NULL, base INTEGER NOT NULL, last INTEGER NOT NULL, time INTEGER NOT NULL, size INTEGER NOT NULL,
  body INTEGER NOT NULL, txn INTEGER NOT NULL, control INTEGER NOT NULL, horizon INTEGER,
  PRIMARY KEY (partition, base)) WITHOUT ROWID, STRICT;
CREATE TABLE bodies (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE dropped (partition INTEGER PRIMARY KEY) STRICT;
CREATE TABLE transactions (no INTEGER PRIMARY KEY AUTOINCREMENT, producer INTEGER NOT NULL, epoch INTEGER NOT NULL, aborted INTEGER NOT NULL) STRICT;
CREATE TABLE transaction_partitions (
  txn INTEGER NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (txn, partition)) WITHOUT ROWID, STRICT;
CREATE TABLE group_offsets (
  "group" TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY ("group", topic, partition)) WITHOUT ROWID, STRICT;
`;

/** Tables that are read whole at every open, so that damage in them shows there and not later. */
const smallTables = ['meta', 'topics', 'partitions', 'dropped', 'transactions', 'transaction_partitions'];

export interface OpenedFile {
  readonly db: DatabaseSync;
  readonly isNew: boolean;
}

/**
 * Opens or makes the file and keeps it locked for this process until it ends (the operating system drops the lock with
 * it). BROKER_LOCKED, BROKER_CORRUPT, BROKER_FULL, BROKER_REJECTED (another format).
 */
export function openFile(path: string, maxBytes: number | undefined): OpenedFile {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    // Exclusive before anything is read: one process, and the index of the log lives in memory instead of a shared file.
    db.exec(`PRAGMA page_size=${pageBytes}; PRAGMA locking_mode=EXCLUSIVE`);
    const isNew = isEmpty(db, path);
    db.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0');
    db.exec(`PRAGMA cache_size=-4096; PRAGMA journal_size_limit=${logBytes}; PRAGMA temp_store=MEMORY`);
    if (isNew) create(db);
    db.exec('BEGIN IMMEDIATE; COMMIT'); // takes the lock now, not at the first write
    checkSmallTables(db, path);
    if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count=${Math.max(8, Math.floor(maxBytes / pageBytes))}`);
    return { db, isNew };
  } catch (error) {
    db?.close();
    throw storeError(error, path);
  }
}

function isEmpty(db: DatabaseSync, path: string): boolean {
  const application = number(db, 'application_id');
  const version = number(db, 'user_version');
  const objects = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'];
  if (application === 0 && version === 0 && objects === 0) return true;
  if (application !== applicationId) {
    throw new TributaryError('BROKER_REJECTED', `Cannot open "${path}": it is a database, but not one of Tributary's`);
  }
  if (version !== formatVersion) {
    const advice = version > formatVersion ? 'a newer Tributary wrote it' : 'it is older than this Tributary can read';
    throw new TributaryError(
      'BROKER_REJECTED',
      `Cannot open "${path}": it has format version "${version}", wanted is ${formatVersion}; ${advice}`,
    );
  }
  return false;
}

function create(db: DatabaseSync): void {
  // One transaction: a kill between the tables and the version leaves an empty file, which the next start fills.
  db.exec(
    `BEGIN IMMEDIATE; ${tables} PRAGMA application_id=${applicationId}; PRAGMA user_version=${formatVersion}; COMMIT`,
  );
}

function checkSmallTables(db: DatabaseSync, path: string): void {
  for (const table of smallTables) {
    const first = db.prepare(`PRAGMA integrity_check('${table}')`).get()?.['integrity_check'];
    if (first !== 'ok') {
      throw new TributaryError(
        'BROKER_CORRUPT',
        `Cannot open "${path}": the table "${table}" is damaged (${String(first)})`,
      );
    }
  }
}

function number(db: DatabaseSync, pragma: string): number {
  return Number(db.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}
