import { equal } from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { lostLogFrames } from './log-check.ts';
import { pageBytes } from './schema.ts';

const frameBytes = 24 + pageBytes;
const commits = 6;

/** A write-ahead log as SQLite writes it: of so many commits, a frame each, and those of the table before them. */
function writtenLog(folder: string): Buffer {
  const path = join(folder, 'some.db');
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA page_size=${pageBytes}; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (n)`);
  for (let n = 0; n < commits; n++) db.exec(`INSERT INTO t VALUES (${n})`);
  const log = readFileSync(`${path}-wal`);
  db.close();
  return log;
}

/** The same log of a machine that sums in the other order of bytes. */
function ofTheOtherOrder(log: Buffer): Buffer {
  const other = Buffer.from(log);
  const isBig = log.readUInt32BE(0) === 0x377f0682;
  other.writeUInt32BE(isBig ? 0x377f0683 : 0x377f0682, 0);
  let sum = [0, 0];
  const add = (bytes: Buffer): void => {
    for (let at = 0; at < bytes.length; at += 8) {
      const word = (from: number): number => (isBig ? bytes.readUInt32BE(from) : bytes.readUInt32LE(from));
      const first = (sum[0]! + word(at) + sum[1]!) % 2 ** 32;
      sum = [first, (sum[1]! + word(at + 4) + first) % 2 ** 32];
    }
  };
  const store = (at: number): void => {
    other.writeUInt32BE(sum[0]!, at);
    other.writeUInt32BE(sum[1]!, at + 4);
  };
  add(other.subarray(0, 24));
  store(24);
  for (let at = 32; at < other.length; at += frameBytes) {
    add(other.subarray(at, at + 8));
    add(other.subarray(at + 24, at + frameBytes));
    store(at + 16);
  }
  return other;
}

for (const order of ['as this machine sums', 'as others sum'] as const) {
  test(`frames behind a damaged one are counted, ${order}`, async () => {
    await using folder = await tempFolder('log-check');
    const made = writtenLog(folder.path);
    const log = order === 'as this machine sums' ? made : ofTheOtherOrder(made);
    const path = join(folder.path, 'log');
    const lost = (bytes: Buffer): number => {
      writeFileSync(path, bytes);
      return lostLogFrames(path);
    };
    const frames = (log.length - 32) / frameBytes;
    equal(lost(log), 0);
    equal(lost(log.subarray(0, -100)), 0, 'torn at its end');
    for (const damaged of [0, 1, frames - 2]) {
      const bytes = Buffer.from(log);
      bytes[32 + damaged * frameBytes + 24 + 1000]! ^= 1;
      equal(lost(bytes), frames - damaged - 1, `frame ${damaged} of ${frames}`);
    }
    const headless = Buffer.from(log);
    headless[13]! ^= 1;
    equal(lost(headless), frames, 'its header');
  });
}

test('a log that is not there has lost nothing', () => {
  equal(lostLogFrames('/nonexistent/some.db-wal'), 0);
});
