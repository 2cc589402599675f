import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { FetchedColumns } from './fetched-columns.ts';

const turn = { topic: 't', partition: 2, columns: [], nextOffset: 7, endOffset: 9 };

test('a release gives the memory back once, however often and however it is called', () => {
  let freed = 0;
  const fetched = new FetchedColumns({ ...turn, free: () => freed++ });
  deepEqual(fetched.records, []);
  equal(freed, 0);
  const { release } = fetched;
  release();
  release();
  fetched.release();
  equal(freed, 1);
});

test('records of a turn that was released are refused, also where somebody has looked at them before', () => {
  for (const free of [undefined, () => {}]) {
    const fetched = new FetchedColumns({ ...turn, ...(free && { free }) });
    deepEqual(fetched.records, []);
    fetched.release();
    throws(() => fetched.records, { code: 'INTERNAL', message: /"t", partition 2, below offset 7/ });
  }
});
