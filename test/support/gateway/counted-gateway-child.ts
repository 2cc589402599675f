/**
 * A gateway over an embedded broker in a process that can be killed, with a feed of its own into one topic. What it asks of the
 * broker is counted. `counted-gateway-child.ts FOLDER LISTEN TOPIC BEFORE`: so many records are written before it listens.
 */
import { codecs } from '../../../src/app/codecs.ts';
import { isError } from '../../../src/base/errors.ts';
import { openEmbeddedBroker } from '../../../src/broker/embedded/embedded.ts';
import { countingBroker } from './counting-broker.ts';
import { startTestGateway } from './test-gateway.ts';

const [directory = '', listen = '', topic = '', before = '0'] = process.argv.slice(2);
const feedMs = 100;
const many = 20_000;

const embedded = await openEmbeddedBroker({ directory, codecs });
await embedded.createTopic({ name: topic }).catch((error: unknown) => {
  if (!isError(error, 'TOPIC_EXISTS')) throw error;
});
const producer = await embedded.producer();
const write = (count: number): Promise<unknown> =>
  producer.send(
    topic,
    0,
    Array.from({ length: count }, () => ({ key: null, value: Buffer.alloc(100, 46), headers: [], timestampMs: null })),
  );
if (Number(before) > 0) await write(Number(before));
const { broker, asked } = countingBroker(embedded);
const gateway = await startTestGateway(broker, {
  listen,
  limits: { connections: many, perIp: many, perPrincipal: many },
  drain: { spreadMs: Number(process.env['SPREAD_MS']), timeoutMs: 60_000 },
});
let writing: Promise<unknown> = Promise.resolve();
const feed = setInterval(() => {
  writing = writing.then(() => write(1));
}, feedMs);

process.on('disconnect', () => process.exit());
process.on('message', async (order: 'rest' | 'drain') => {
  clearInterval(feed);
  await writing;
  if (order === 'rest') {
    process.send!({ next: await embedded.offset(topic, 0, 'latest'), asked });
    return;
  }
  await gateway.drain();
  await embedded.close();
  process.exit();
});
process.send!(gateway.address);
