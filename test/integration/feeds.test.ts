import { after, describe, test } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { feedTests, missing } from '../support/feed-tests.ts';
import { tempFolder } from '../support/temp-folder.ts';

if (missing !== false) test('recorded feeds', { skip: missing }, () => {});

describe('recorded feeds into the embedded broker', { skip: missing }, () => {
  let broker: Promise<Broker> | undefined;
  const folder = tempFolder('feeds');
  after(async () => {
    await (await broker)?.close();
    await (await folder)[Symbol.asyncDispose]();
  });
  feedTests(async () => {
    broker ??= folder.then(({ path }) => openEmbeddedBroker({ directory: path, codecs }));
    return broker;
  });
});
