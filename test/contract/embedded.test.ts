import { after } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { brokerContract } from './broker.ts';

const folder = await tempFolder('contract');
const broker = await openEmbeddedBroker({ directory: `${folder.path}/one`, codecs, maintenanceIntervalMs: 200 });
after(async () => {
  await broker.close();
  await folder[Symbol.asyncDispose]();
});

brokerContract({ name: 'embedded', skip: false, broker: async () => broker, maintenanceMs: 5_000 }, () =>
  openEmbeddedBroker({ directory: `${folder.path}/two`, codecs }),
);
