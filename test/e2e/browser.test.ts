/** In a real Chromium: the demonstration's page, README's five lines, EventSource and the client library over restarts. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { demoFile } from '../../src/app/demo-page.ts';
import type { Gateway } from '../../src/gateway/server.ts';
import { type OpenBrowser, openBrowser } from '../support/browser.ts';
import { startTestGateway } from '../support/gateway/test-gateway.ts';
import { type MemoryBroker, memoryBroker } from '../support/memory-broker.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { toolsMissing } from '../support/tools.ts';
import { root } from './support/run.ts';
import { startWorker } from './support/worker.ts';

const skip = toolsMissing(['chromium']);
const empty = '<!doctype html><link rel="icon" href="data:,">';
let browser: OpenBrowser;

before(async () => {
  if (skip !== false) return;
  const { buildClient } = (await import('../../scripts/build-client.mjs' as string)) as {
    buildClient(): Promise<void>;
  };
  await buildClient();
  browser = await openBrowser();
});
after(() => browser?.[Symbol.asyncDispose]());

test("the demonstration's page shows live trades, and README's five lines do", { skip, timeout: 300_000 }, async () => {
  await using folder = await tempFolder('browser');
  await using worker = await startWorker(['start', '--demo'], {
    cwd: folder.path,
    env: { TRIBUTARY_DEMO_PORT: '0', TRIBUTARY_GATEWAY_LISTEN: '127.0.0.1:0' },
  });
  const [, url] = /^ {2}page {7}(http:\S+)\/demo /m.exec(worker.stdout()) ?? [];
  ok(url !== undefined, worker.stdout());
  const page = await browser.page(url);
  await page.goto(`${url}/demo`);
  await page.locator('#trades tr').nth(19).waitFor();
  equal(await page.textContent('#state'), 'ready');
  const offsets = (await page.locator('#trades td:first-child').allTextContents()).map(Number);
  deepEqual(
    offsets,
    offsets.map((_, at) => offsets[0]! - at),
  );
  match((await page.textContent('#prices tr td:first-child'))!, /^[A-Z]+-USD$/);
  match((await page.textContent('#prices tr td:nth-child(2)'))!, /^\d+\.\d+$/);

  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const [, lines] = /```html\n(<script type="module">\n[\s\S]*?)```/.exec(readme) ?? [];
  ok(lines !== undefined, 'README shows no <script type="module">');
  equal(lines.trim().split('\n').length - 2, 5);
  const five = await browser.page(url, `${empty}<body>${lines.replaceAll('http://127.0.0.1:7080', url)}`);
  await five.waitForFunction('/(?:[A-Z]+-USD \\d+\\.\\d+\\s+){5}/.test(document.body.innerText)');

  for (const path of ['/demo/', '/demo/../package.json', '/demo/%2e%2e/package.json', '/demo/page.test.js']) {
    equal((await fetch(url + path)).status, 404, path);
  }
  deepEqual(browser.complaints, []);
  await page.close();
  await five.close();
  const { code, stderr } = await worker.stop('SIGINT');
  deepEqual([code, stderr], [0, '']);
});

test('an EventSource goes on by itself over a restart of the gateway', { skip, timeout: 300_000 }, async () => {
  await using stand = await restartable();
  const page = await browser.page(stand.url, empty);
  await page.evaluate(`
    globalThis.seen = [];
    const source = new EventSource('/v1/sse?topic=t&from=earliest');
    source.onmessage = ({ data }) => seen.push(JSON.parse(data).value);`);
  for (let at = 0; at < 3; at++) await stand.publish(`${at}`);
  await page.waitForFunction('seen.length === 3');
  await stand.restart(async () => {
    for (let at = 3; at < 6; at++) await stand.write(`${at}`);
  });
  await stand.publish('6');
  await page.waitForFunction('seen.length === 7');
  deepEqual(await page.evaluate('seen'), ['0', '1', '2', '3', '4', '5', '6']);
  await page.close();
});

test('the client library publishes and subscribes over a restart, in both forms', {
  skip,
  timeout: 300_000,
}, async () => {
  await using stand = await restartable();
  const page = await browser.page(stand.url, empty);
  await page.evaluate(`(async () => {
    const { connect } = await import('/demo/client.js');
    globalThis.seen = { json: [], binary: [] };
    globalThis.clients = {};
    for (const form of ['json', 'binary']) {
      const client = clients[form] = connect(undefined, { form, minDelayMs: 10 });
      (async () => {
        for await (const event of client.subscribe({ topics: ['t'], from: 'earliest' })) seen[form].push(event.value);
      })();
    }
    await clients.json.publish('t', 'one');
  })()`);
  await stand.restart(() => stand.write('two'));
  await page.evaluate("clients.binary.publish('t', 'three')");
  await page.waitForFunction('seen.json.length === 3 && seen.binary.length === 3');
  const values = ['one', 'two', 'three'];
  deepEqual(await page.evaluate('seen'), { json: values, binary: values });
  await page.close();
});

interface Restartable extends AsyncDisposable {
  readonly url: string;
  publish(value: string): Promise<void>;
  /** Past the gateway. */
  write(value: string): Promise<void>;
  restart(meanwhile: () => Promise<void>): Promise<void>;
}

/** A gateway that keeps its address. */
async function restartable(): Promise<Restartable> {
  const broker: MemoryBroker = memoryBroker();
  await broker.createTopic({ name: 't', partitions: 1 });
  const producer = await broker.producer();
  const config = { demo: true, sse: { retryMs: 50 } };
  let gateway: Gateway = await startTestGateway(broker, config, { demo: demoFile });
  const { address, url } = gateway;
  return {
    url,
    async publish(body) {
      const headers = { 'content-type': 'text/plain' };
      equal((await fetch(`${url}/v1/topics/t`, { method: 'POST', body, headers })).status, 200);
    },
    async write(value) {
      const record = { key: null, value: Buffer.from(value), headers: [], timestampMs: null };
      await producer.send('t', 0, [record]);
    },
    async restart(meanwhile) {
      await gateway.drain();
      await meanwhile();
      gateway = await startTestGateway(broker, { ...config, listen: address }, { demo: demoFile });
    },
    [Symbol.asyncDispose]: () => gateway.drain(),
  };
}
