import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { Application } from './application.ts';

const timed = (field: string): string => `WITH (event.time.field = '${field}', watermark.delay.ms = 0)`;

/** `C` has a time of its own: no stream has the time of A and B together, but the query that reads both has it. */
const script = `CREATE STREAM A (k STRING, v LONG, t LONG) ${timed('t')};
  CREATE STREAM B (k STRING, w LONG, t LONG) ${timed('t')};
  CREATE STREAM C (k STRING, sum LONG, at LONG) ${timed('at')};
  INSERT INTO C SELECT A.k AS k, SUM(v + w) AS sum, WINDOW_START() AS at
    FROM A WINDOW TUMBLING(10 ms) JOIN B WINDOW TUMBLING(10 ms) ON A.k = B.k GROUP BY A.k;
  INSERT INTO D SELECT k, SUM(sum) AS sum, WINDOW_END() AS until FROM C WINDOW TUMBLING(100 ms) GROUP BY k;`;

test('a query of two streams goes by the time of both, also where what it writes has a time of its own', () => {
  const application = new Application(script, { random: () => 0 });
  const joined: unknown[][] = [];
  const summed: unknown[][] = [];
  application.subscribe('C', ({ values }) => joined.push([...values]));
  application.subscribe('D', ({ values }) => summed.push([...values]));
  application.push('A', ['x', 1, 3]);
  application.push('B', ['x', 2, 7]);
  application.advance(1_000_000);
  deepEqual(joined, [], 'the clock closes nothing');
  application.push('A', ['x', 4, 105]);
  deepEqual(joined, [], 'the other stream has not come so far');
  application.push('B', ['x', 5, 109]);
  deepEqual(joined, [['x', 3, 0]]);
  application.push('A', ['x', 0, 120]);
  application.push('B', ['x', 0, 120]);
  deepEqual(joined, [
    ['x', 3, 0],
    ['x', 9, 100],
  ]);
  deepEqual(summed, [['x', 3, 100]], 'the target goes by its own');
});
