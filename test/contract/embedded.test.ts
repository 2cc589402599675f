import { after } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { openStallingBroker } from '../support/stalling-store.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { reopenableBroker } from './broker/fixture.ts';
import { brokerContract } from './broker.ts';

const folder = await tempFolder('contract');
const broker = await openEmbeddedBroker({ directory: `${folder.path}/one`, codecs, maintenanceIntervalMs: 200 });
after(async () => {
  try {
    await broker.close();
  } finally {
    await folder[Symbol.asyncDispose]();
  }
});
let stallable = 0;
let reopenable = 0;

brokerContract(
  {
    name: 'embedded',
    skip: false,
    broker: async () => broker,
    maintenanceMs: 5_000,
    async stallable() {
      const opened = await openStallingBroker({ directory: `${folder.path}/stallable-${++stallable}`, codecs });
      return {
        ...opened,
        other: opened.broker,
        async [Symbol.asyncDispose]() {
          opened.resume();
          await opened.broker.close();
        },
      };
    },
    reopenable: () => {
      const directory = `${folder.path}/reopened-${++reopenable}`;
      return reopenableBroker(() => openEmbeddedBroker({ directory, codecs }));
    },
    answersAlone: [
      'clusterId',
      'listTopics',
      'describeTopic',
      'offset, the last',
      'partitionCount',
      'sendOffsets',
      'member.close',
    ],
  },
  () => openEmbeddedBroker({ directory: `${folder.path}/two`, codecs }),
);
