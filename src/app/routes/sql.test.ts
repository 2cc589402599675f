import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { fakeWorker } from '../../../test/support/fake-worker.ts';
import { type Schema, shapeProblems } from '../../../test/support/json-schema.ts';
import { buildRestServer } from '../../rest/server.ts';
import { silentLog } from '../../telemetry/log.ts';
import { MetricRegistry } from '../../telemetry/metrics.ts';
import { schemas } from '../../wire/connect/openapi/schemas.ts';
import { sqlRoutes } from './sql.ts';

const server = buildRestServer({
  worker: fakeWorker(),
  registry: new MetricRegistry(),
  version: '1',
  maskSecrets: true,
  log: silentLog,
});
sqlRoutes(server);

async function ask(path: string, payload: unknown): Promise<{ readonly status: number; readonly body: unknown }> {
  const { statusCode: status, body } = await server.inject({ method: 'POST', url: path, payload: payload as object });
  return { status, body: JSON.parse(body) };
}

function fits(body: unknown, name: keyof typeof schemas): void {
  deepEqual(shapeProblems(body, schemas[name] as Schema, schemas), []);
}

const script = `CREATE STREAM In (k STRING NOT NULL, v LONG, t LONG)
  WITH (type = 'source', extension = 'kafka', format = 'json', kafka.topic = 'in', event.time.field = 't');
PARTITION WITH (k OF In) BEGIN
  INSERT INTO Out SELECT k, SUM(v) AS total FROM In WINDOW TUMBLING(5 sec) WHERE v > 0 GROUP BY k HAVING SUM(v) > 1;
END`;

test('a script that is right is said to be so', async () => {
  const { status, body } = await ask('/sql/check', { sql: script });
  deepEqual([status, body], [200, { valid: true, errors: [] }]);
  fits(body, 'SqlCheck');
});

test('a script that is wrong is shown with its place, and no secret', async () => {
  const sql = `CREATE STREAM In (k STRING)\n  WITH ("websocket.headers.X-Key" = 's3cret', typ = 'source');`;
  const { status, body } = await ask('/sql/check', { sql });
  equal(status, 200);
  fits(body, 'SqlCheck');
  deepEqual(body, {
    valid: false,
    errors: [
      {
        code: 'E_OPTION_UNKNOWN',
        line: 2,
        column: 9,
        message: "option 'websocket.headers.X-Key' is only for a source or sink, and this is an internal",
        text: `  WITH ("websocket.headers.X-Key" = '******', typ = 'source');`,
        caret: '        ^',
      },
    ],
  });
});

test('a plan is explained for people and for programs', async () => {
  const { status, body } = await ask('/sql/explain', { sql: script });
  equal(status, 200);
  fits(body, 'SqlPlan');
  const { text, streams, queries, maxState } = body as {
    text: string;
    streams: { name: string; kind: string; columns: unknown[]; eventTime?: object; madeBy?: number }[];
    queries: { target: string; partitionedBy: string[]; steps: { operator: string }[] }[];
    maxState: number;
  };
  match(text, /^source In \(kafka, json\)\n {2}columns: k STRING NOT NULL, v LONG, t LONG\n {2}time: column t/);
  deepEqual(
    streams.map(({ name, kind, madeBy }) => [name, kind, madeBy]),
    [
      ['In', 'source', undefined],
      ['Out', 'stream', 1],
    ],
  );
  deepEqual(streams[0]!.eventTime, { column: 't', watermarkDelayMs: 0 });
  deepEqual(
    queries[0]!.steps.map(({ operator }) => operator),
    ['read', 'filter', 'window', 'aggregate', 'having', 'write'],
  );
  deepEqual([queries[0]!.target, queries[0]!.partitionedBy, maxState], ['Out', ['In'], 250_000]);
});

test('a script that is wrong cannot be explained, and a body without one is refused', async () => {
  const { status, body } = await ask('/sql/explain', { sql: 'SELECT a FROM b' });
  equal(status, 422);
  fits(body, 'SqlRefusal');
  match((body as { message: string }).message, /^E_UNKNOWN_STREAM at line 1, column 15: unknown stream 'b'/);
  const { body: checked } = await ask('/sql/check', { sql: 'SELECT a FROM b' });
  deepEqual((body as { errors: unknown }).errors, (checked as { errors: unknown }).errors);
  for (const wrong of [{}, [], { sql: 5 }, { sql: '', file: 'x' }]) {
    for (const path of ['/sql/check', '/sql/explain'])
      equal((await ask(path, wrong)).status, 400, JSON.stringify(wrong));
  }
});
