/**
 * The floor of reading from the embedded broker: its store is opened in this process and one partition is read from its first
 * record on; of a batch only the number of records is looked at. Arguments: folder of the store, topic.
 */
import { codecs } from '../../src/app/codecs.ts';
import { openEmbeddedBroker } from '../../src/broker/embedded/embedded.ts';
import { tell } from './child.ts';

const [directory, topic] = process.argv.slice(2) as [string, string];
let seen = 0;
tell(() => seen);
await using broker = await openEmbeddedBroker({ directory, codecs });
for await (const { columns } of broker.read({ topic, partition: 0, from: 'earliest', until: 'end' }))
  for (const { length } of columns) seen += length;
