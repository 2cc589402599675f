import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { ColumnQueue } from './column-queue.ts';

test('each column has the mark noted behind its last value; the newest one has none of its own', () => {
  let id: Uint8Array | null = null;
  const columns = new ColumnQueue<Uint8Array | null>(() => id);
  const data = Buffer.alloc(100 * 1024, 'x');
  for (let n = 1; n <= 12; n++) {
    id = Buffer.from(String(n));
    columns.push(data, n);
  }
  deepEqual([columns.length, columns.bytes], [12, 12 * data.length]);
  const seen: unknown[] = [];
  for (let taken = columns.take(); taken !== undefined; taken = columns.take()) {
    const { values, receivedAtMs, mark } = taken;
    seen.push([values.length, receivedAtMs, mark === undefined ? 'newest' : String(mark)]);
  }
  deepEqual(seen, [
    [5, 1, '5'],
    [5, 6, '10'],
    [2, 11, 'newest'],
  ]);
  deepEqual([columns.length, columns.bytes], [0, 0]);
  equal(columns.take(), undefined);
});

test('values that somebody else writes in their place make columns as all do; those of the open one can be taken back', () => {
  const columns = new ColumnQueue(() => 'mark');
  const write = (text: string, nowMs: number): void => {
    const { writer } = columns;
    writer.room(text.length).write(text, writer.end);
    writer.added(writer.end + text.length);
    columns.pushed(nowMs);
  };
  write('x'.repeat(400 * 1024), 1);
  write('y'.repeat(100 * 1024), 2);
  write('z', 3);
  write('z', 4);
  equal(columns.length, 4);
  equal(columns.dropOpen(), 2);
  const { values, receivedAtMs, mark } = columns.take()!;
  deepEqual([values.length, receivedAtMs, mark], [2, 1, 'mark']);
  equal(columns.take(), undefined);
  write('a', 5);
  equal(columns.take()?.receivedAtMs, 5);
});
