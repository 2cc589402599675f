/** An application in parts gives what the whole one gives, whatever the order in which rows come from part to part. */
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzRuns, seeded, testSeed } from '../../../../test/support/random.ts';
import { StateReader } from '../../state/state-reader.ts';
import { StateWriter } from '../../state/state-writer.ts';
import type { Row, Value } from '../../values/value.ts';
import { Application } from '../application.ts';
import { partOf } from './part-of.ts';

const streams = `CREATE STREAM T (s STRING NOT NULL, u STRING, n LONG, t LONG)
    WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 't', kafka.key = 's', event.time.field = 't', watermark.delay.ms = '20');
  CREATE STREAM Q (s STRING, u STRING, p LONG, t LONG)
    WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'q', event.time.field = 't');`;

const queries: readonly (readonly [what: string, text: string])[] = [
  [
    'by the record key',
    'INSERT INTO Out SELECT s, COUNT(*) AS c, SUM(n) AS m, WINDOW_END() AS w FROM T WINDOW TUMBLING(10 ms) GROUP BY s;',
  ],
  [
    'by another column',
    'INSERT INTO Out SELECT u, COUNT(*) AS c, SUM(n) AS m, WINDOW_END() AS w FROM T WINDOW TUMBLING(10 ms) GROUP BY u;',
  ],
  [
    'hopping',
    'INSERT INTO Out SELECT u, MIN(n) AS a, MAX(n) AS b, WINDOW_END() AS w FROM T WINDOW HOP(20 ms, 10 ms) GROUP BY u;',
  ],
  [
    'sessions',
    'INSERT INTO Out SELECT u, COUNT(*) AS c, WINDOW_START() AS a, WINDOW_END() AS w FROM T WINDOW SESSION(8 ms) GROUP BY u;',
  ],
  [
    'distinct values',
    'INSERT INTO Out SELECT u, COUNT(DISTINCT s) AS c, WINDOW_END() AS w FROM T WINDOW TUMBLING(30 ms) GROUP BY u;',
  ],
  [
    'HAVING',
    'INSERT INTO Out SELECT u, COUNT(*) AS c, WINDOW_END() AS w FROM T WHERE n > 2 WINDOW TUMBLING(10 ms) GROUP BY u HAVING COUNT(*) > 1;',
  ],
  [
    'of everything',
    'INSERT INTO Out SELECT COUNT(*) AS c, SUM(n) AS m, WINDOW_END() AS w FROM T WINDOW TUMBLING(10 ms);',
  ],
  [
    'best of each window',
    'INSERT INTO Out SELECT u, SUM(n) AS m, WINDOW_END() AS w FROM T WINDOW TUMBLING(20 ms) GROUP BY u ORDER BY m DESC, u LIMIT 2;',
  ],
  [
    'a join',
    'INSERT INTO Out SELECT T.s AS s, n, p, T.t AS a, Q.t AS b FROM T WINDOW TUMBLING(10 ms) JOIN Q WINDOW TUMBLING(10 ms) ON T.s = Q.s;',
  ],
  [
    'a left join by other columns',
    'INSERT INTO Out SELECT T.u AS u, n, p FROM T WINDOW TUMBLING(10 ms) LEFT JOIN Q WINDOW TUMBLING(10 ms) ON T.u = Q.u AND T.n = Q.p;',
  ],
  [
    'one behind the other',
    'INSERT INTO A SELECT u, s, COUNT(*) AS c FROM T WINDOW TUMBLING(10 ms) GROUP BY u, s; INSERT INTO Out SELECT s, SUM(c) AS m, WINDOW_END() AS w FROM A WINDOW TUMBLING(30 ms) GROUP BY s;',
  ],
  [
    'three, by three keys',
    'INSERT INTO A SELECT u, s, n, COUNT(*) AS c FROM T WINDOW TUMBLING(10 ms) GROUP BY u, s, n; INSERT INTO B SELECT n, SUM(c) AS c FROM A WINDOW TUMBLING(20 ms) GROUP BY n; INSERT INTO Out SELECT SUM(c) AS m, WINDOW_END() AS w FROM B WINDOW TUMBLING(40 ms);',
  ],
  [
    'PARTITION',
    'PARTITION WITH (u OF T) BEGIN INSERT INTO A SELECT u, n, t FROM T WHERE n > 1; INSERT INTO Out SELECT FIRST(u) AS u, COUNT(*) AS c, SUM(n) AS m, WINDOW_END() AS w FROM A WINDOW TUMBLING(10 ms); END;',
  ],
];

interface Input {
  readonly stream: 'T' | 'Q';
  readonly values: readonly Value[];
}

/** Rows of both streams in the order of their times; nobody is late. At the end a row of each partition closes all windows. */
function inputs(random: () => number): Input[] {
  const pick = (n: number): number => Math.floor(random() * n);
  return Array.from({ length: 120 }, (_, i): Input => {
    const stream = random() < 0.6 ? 'T' : 'Q';
    const own = [`s${pick(5)}`, random() < 0.1 ? null : `u${pick(4)}`, pick(6)];
    // Rows of T may stand before others of up to 20 ms earlier.
    return { stream, values: [...own, 1000 + i + (stream === 'T' ? pick(20) : 0)] };
  });
}

const closing = (stream: 'T' | 'Q', s: string): Input => ({ stream, values: [s, null, 0, 10_000] });

function whole(script: string, rows: readonly Input[]): string[] {
  const out: string[] = [];
  const application = new Application(script, { random: () => 0 });
  application.subscribe('Out', ({ values }) => out.push(JSON.stringify(values)));
  for (const { stream, values } of [...rows, closing('T', 's0'), closing('Q', 's0')]) application.push(stream, values);
  return out.sort();
}

type Message = { readonly row?: Row; readonly watermark: number };

/** So many parts, and what is under way between them, in order from each part to each other. */
class Parts {
  readonly out: string[] = [];
  readonly count: number;
  private readonly script: string;
  private readonly random: () => number;
  private readonly applications: Application[];
  private readonly ways = new Map<string, Message[]>();

  constructor(script: string, count: number, random: () => number) {
    this.script = script;
    this.count = count;
    this.random = random;
    this.applications = Array.from({ length: count }, (_, part) => this.start(part));
  }

  private start(part: number): Application {
    const application = new Application(this.script, { random: () => 0, parts: { count: this.count } });
    application.subscribe('Out', ({ values }) => this.out.push(JSON.stringify(values)));
    for (const [index, exchange] of application.exchanges.entries())
      exchange.send = (to, row, watermark) => {
        const values = row.values.map((value, column) => (exchange.columns.includes(column) ? value : null));
        this.way(index, part, to).push({ row: { values, timestamp: row.timestamp }, watermark });
      };
    return application;
  }

  private way(exchange: number, from: number, to: number): Message[] {
    const key = `${exchange} ${from} ${to}`;
    if (!this.ways.has(key)) this.ways.set(key, []);
    return this.ways.get(key)!;
  }

  push(part: number, { stream, values }: Input): void {
    this.applications[part]!.push(stream, values);
  }

  announce(part: number): void {
    for (const [index, exchange] of this.applications[part]!.exchanges.entries())
      for (let to = 0; to < this.count; to++) this.way(index, part, to).push({ watermark: exchange.announced });
  }

  /** Some of what is under way arrives; `true` where there was anything. */
  arrive(): boolean {
    const open = [...this.ways].filter(([, messages]) => messages.length > 0);
    if (open.length === 0) return false;
    const [key, messages] = open[Math.floor(this.random() * open.length)]!;
    const [exchange = 0, from = 0, to = 0] = key.split(' ').map(Number);
    const application = this.applications[to]!;
    const node = application.exchanges[exchange]!;
    for (const { row, watermark } of messages.splice(0, 1 + Math.floor(this.random() * messages.length))) {
      node.heard(from, watermark);
      if (row !== undefined) application.receive(node, row, watermark);
    }
    return true;
  }

  /** A part dies, and goes on elsewhere from a checkpoint. */
  move(part: number): void {
    const writer = new StateWriter();
    this.applications[part]!.snapshot(writer);
    this.applications[part] = this.start(part);
    this.applications[part]!.restore(new StateReader(writer.take()));
  }

  settle(): void {
    // As many rounds as exchanges stand behind each other, at most.
    for (let round = 0; round <= this.applications[0]!.exchanges.length; round++) {
      for (let part = 0; part < this.count; part++) this.announce(part);
      while (this.arrive());
    }
  }
}

function inParts(script: string, rows: readonly Input[], count: number, random: () => number): string[] {
  const parts = new Parts(script, count, random);
  // T lies by its record key, Q anywhere.
  const partition = ({ stream, values }: Input): number =>
    stream === 'T' ? partOf([values[0]!], count) : Math.floor(random() * count);
  const queues = Array.from({ length: count }, (): Input[] => []);
  for (const row of rows) queues[partition(row)]!.push(row);
  // A key for each partition, so that each has a row that closes its windows.
  for (let part = 0; part < count; part++) {
    let key = 0;
    while (partOf([`close${key}`], count) !== part) key++;
    queues[part]!.push(closing('T', `close${key}`), closing('Q', 'q'));
  }
  while (queues.some((queue) => queue.length > 0)) {
    const part = Math.floor(random() * count);
    for (const row of queues[part]!.splice(0, Math.floor(random() * 20))) parts.push(part, row);
    if (random() < 0.3) parts.announce(part);
    if (random() < 0.5) parts.arrive();
    if (random() < 0.2) parts.move(part);
  }
  parts.settle();
  return parts.out.sort();
}

for (const [what, text] of queries) {
  test(`parts and the whole give the same rows: ${what} (seed ${testSeed})`, () => {
    const random = seeded(testSeed);
    for (let run = 0; run < fuzzRuns(4); run++) {
      const rows = inputs(random);
      const wanted = whole(`${streams} ${text}`, rows);
      const found = inParts(`${streams} ${text}`, rows, 1 + Math.floor(random() * 5), random);
      deepEqual(found, wanted, `run ${run}`);
      equal(wanted.length > 0, true);
    }
  });
}

test('a row that is late in its own partition is late in all parts, and one that is not is in time everywhere', () => {
  const script = `${streams} INSERT INTO Out SELECT u, COUNT(*) AS c, WINDOW_END() AS w FROM T WINDOW TUMBLING(10 ms) GROUP BY u;`;
  const random = seeded(testSeed);
  const rows = Array.from(
    { length: 200 },
    (_, i): Input => ({
      stream: 'T',
      values: [`s${Math.floor(random() * 6)}`, `u${Math.floor(random() * 3)}`, 1, 1000 + i + Math.floor(random() * 60)],
    }),
  );
  // Whatever the order in which the parts work, the answer is one.
  const first = inParts(script, rows, 3, seeded(1));
  for (let run = 2; run < 8; run++) deepEqual(inParts(script, rows, 3, seeded(run)), first);
});

test('windows wait for every part, and a part that goes along with another one lets them close', () => {
  const script = `${streams} INSERT INTO Out SELECT u, COUNT(*) AS c, WINDOW_END() AS w FROM T WINDOW TUMBLING(10 ms) GROUP BY u;`;
  const application = new Application(script, { random: () => 0, parts: { count: 2 } });
  const out: string[] = [];
  application.subscribe('Out', ({ values }) => out.push(JSON.stringify(values)));
  const exchange = application.exchanges[0]!;
  exchange.heard(0, 1000);
  application.receive(exchange, { values: [null, 'a', 1, null], timestamp: 1001 }, 1000);
  exchange.heard(0, 1020);
  deepEqual(out, [], 'the other part may still send such rows');
  equal(exchange.furthest, 1020);
  equal(exchange.announced, Number.NEGATIVE_INFINITY);
  exchange.followed = exchange.furthest;
  exchange.heard(1, exchange.announced);
  deepEqual(out, ['["a",1,1010]']);
  // A part whose source has no partition for it is never waited for.
  exchange.heard(1, Number.POSITIVE_INFINITY);
  application.receive(exchange, { values: [null, 'a', 1, null], timestamp: 1022 }, 1020);
  exchange.heard(0, 1050);
  deepEqual(out, ['["a",1,1010]', '["a",1,1030]']);
});
