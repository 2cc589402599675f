import { after } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { kafkaMissing } from '../support/kafka.ts';
import { startProxiedKafka } from '../support/kafka-proxy.ts';
import { reopenableBroker } from './broker/fixture.ts';
import { brokerContract } from './broker.ts';

const skip = await kafkaMissing();
const proxied = skip === false ? await startProxiedKafka() : undefined;
let opened: Promise<Broker> | undefined;

function open(): Promise<Broker> {
  return openKafkaBroker({ bootstrap: [proxied!.kafka.bootstrap], codecs });
}

function broker(): Promise<Broker> {
  opened ??= open();
  return opened;
}

after(async () => {
  try {
    await (await opened)?.close();
  } finally {
    await proxied?.[Symbol.asyncDispose]();
  }
});

brokerContract(
  {
    name: 'kafka',
    skip,
    broker,
    maintenanceMs: 60_000,
    async stallable() {
      const { proxy, bootstrap } = proxied!;
      const cutOff = await openKafkaBroker({ bootstrap: [bootstrap], codecs });
      return {
        broker: cutOff,
        other: await broker(),
        stall: () => proxy.stall(),
        resume: () => proxy.resume(),
        async [Symbol.asyncDispose]() {
          proxy.resume();
          await cutOff.close();
        },
      };
    },
    reopenable: () => reopenableBroker(open),
    answersAlone: ['partitionCount'],
  },
  open,
);
