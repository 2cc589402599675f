import { after } from 'node:test';
import { codecs } from '../../src/app/codecs.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { openKafkaBroker } from '../../src/broker/kafka/kafka.ts';
import { kafkaMissing, startKafka } from '../support/kafka.ts';
import { brokerContract } from './broker.ts';

const skip = await kafkaMissing();
const kafka = skip === false ? await startKafka() : undefined;
let opened: Promise<Broker> | undefined;

function open(): Promise<Broker> {
  return openKafkaBroker({ bootstrap: [kafka!.bootstrap], codecs });
}

after(async () => {
  await (await opened)?.close();
  await kafka?.[Symbol.asyncDispose]();
});

brokerContract(
  {
    name: 'kafka',
    skip,
    broker: () => {
      opened ??= open();
      return opened;
    },
    maintenanceMs: 60_000,
  },
  open,
);
