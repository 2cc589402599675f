import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { demoFile } from '../../src/app/demo-page.ts';
import { startTestGateway } from '../support/gateway/test-gateway.ts';
import { memoryBroker } from '../support/memory-broker.ts';

test('the example page is served where it is switched on: its own files, to GET, and with a policy', async () => {
  await using broker = memoryBroker();
  await using gateway = await startTestGateway(broker, { demo: true }, { demo: demoFile });
  const { url } = gateway;
  const page = await fetch(`${url}/demo`);
  deepEqual([page.status, page.headers.get('content-type')], [200, 'text/html; charset=utf-8']);
  match(await page.text(), /<title>Live trades<\/title>/);
  match(page.headers.get('content-security-policy')!, /^default-src 'none'; script-src 'self';/);
  equal(page.headers.get('x-content-type-options'), 'nosniff');
  for (const path of ['page.css', 'page.js']) equal((await fetch(`${url}/demo/${path}`)).status, 200);
  for (const path of ['', 'README.md', '%2e%2e/sql/filter.sql', '..%2f..%2fpackage.json', 'page.js%00']) {
    equal((await fetch(`${url}/demo/${path}`)).status, 404, path);
  }
  const posted = await fetch(`${url}/demo`, { method: 'POST', body: 'x' });
  deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET']);
});

test('without the switch there is nothing', async () => {
  await using broker = memoryBroker();
  await using gateway = await startTestGateway(broker, {}, { demo: demoFile });
  equal((await fetch(`${gateway.url}/demo`)).status, 404);
});
