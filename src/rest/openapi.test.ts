/** The document names every route there is, and no other. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { restServer } from '../../test/support/rest-server.ts';
import { Loggers } from '../telemetry/loggers.ts';
import { openApiDocument } from '../wire/connect/openapi/document.ts';
import { schemas } from '../wire/connect/openapi/schemas.ts';

const loggers = new Loggers('INFO', () => 0);

test('every route stands in the document, and every operation of the document is a route', async () => {
  const { server } = restServer({ loggers });
  const routes = new Set<string>();
  server.addHook('onRoute', ({ method, url }) => {
    for (const verb of [method].flat()) {
      if (verb !== 'HEAD') routes.add(`${verb} ${url.replace(/(?<=.)\/$/, '').replace(':name', ':connector')}`);
    }
  });
  await server.ready();
  const described = Object.entries(openApiDocument('1').paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  // Declared before the hook could see it: it is the one route outside the part that only speaks JSON.
  routes.add('GET /metrics');
  deepEqual(described.sort(), [...routes].sort());
});

test('it is served', async () => {
  const { ask } = restServer({ loggers });
  const { status, body } = await ask('GET /openapi.json');
  equal(status, 200);
  equal((body as { openapi: string }).openapi, '3.1.0');
});

test('every reference is defined, every schema is used, every operation has its own id', () => {
  const text = JSON.stringify(openApiDocument('1'));
  const used = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
  deepEqual([...used].sort(), Object.keys(schemas).sort());
  const ids = [...text.matchAll(/"operationId":"(\w+)"/g)].map(([, id]) => id);
  ok(ids.length > 25);
  equal(new Set(ids).size, ids.length);
});
