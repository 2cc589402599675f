import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type LogEntry, recordingLog } from '../telemetry/log.ts';
import type { Status, StatusTable } from './status-table.ts';
import { statusWriter } from './status-writer.ts';

const status = (trace: string | null): Status => ({ state: 'RUNNING', trace, workerId: 'w', version: null });

/** A table whose writes the test ends; it tells which have begun. */
function bench() {
  const begun: string[] = [];
  const open: PromiseWithResolvers<void>[] = [];
  const write = (what: string): Promise<void> => {
    begun.push(what);
    const end = Promise.withResolvers<void>();
    open.push(end);
    return end.promise;
  };
  const table: StatusTable = {
    connector: () => undefined,
    task: () => undefined,
    tasks: () => [],
    putConnector: (name, { trace }) => write(`${name} ${trace}`),
    putTask: (name, task, { trace }) => write(`${name}-${task} ${trace}`),
    remove: (name) => write(`${name} removed`),
    removeTask: (name, task) => write(`${name}-${task} removed`),
  };
  const log: LogEntry[] = [];
  return {
    writer: statusWriter(table, recordingLog(log)),
    log,
    /** What has begun since this was called last. */
    begun: () => begun.splice(0),
    end: (error?: Error) => {
      for (const write of open.splice(0)) error === undefined ? write.resolve() : write.reject(error);
      return new Promise((wake) => setImmediate(wake));
    },
  };
}

test('what waits is written together, in order, and only the last status of a thing', async () => {
  const { writer, begun, end } = bench();
  writer.putConnector('a', status('first'));
  deepEqual(begun(), ['a first']);
  for (let task = 0; task < 3; task++) writer.putTask('a', task, status('old'));
  writer.putTask('a', 0, status('new'));
  writer.putConnector('a', status('second'));
  deepEqual(begun(), [], 'behind what is under way');
  await end();
  deepEqual(begun(), ['a-1 old', 'a-2 old', 'a-0 new', 'a second']);
  let isSettled = false;
  const settled = writer.settled().then(() => {
    isSettled = true;
  });
  writer.removeTask('a', 2);
  await end();
  deepEqual([begun(), isSettled], [['a-2 removed'], false]);
  await end();
  await settled;
});

test('a removal looks at what the table holds: it waits for what is before it, and what is behind it waits for it', async () => {
  const { writer, begun, end } = bench();
  writer.putTask('a', 0, status('x'));
  begun();
  writer.putTask('a', 1, status('y'));
  writer.remove('a');
  writer.putTask('b', 0, status('z'));
  const steps: string[][] = [];
  for (let step = 0; step < 3; step++) {
    await end();
    steps.push(begun());
  }
  deepEqual(steps, [['a-1 y'], ['a removed'], ['b-0 z']]);
  await end();
  await writer.settled();
});

test('a status that cannot be written is logged, and those beside and behind it are written', async () => {
  const { writer, log, begun, end } = bench();
  writer.putConnector('a', status('x'));
  writer.putConnector('b', status('y'));
  await end(new Error('no room'));
  deepEqual(begun(), ['a x', 'b y']);
  await end();
  await writer.settled();
  equal(log.filter(({ event }) => event === 'status_not_written').length, 1);
});
