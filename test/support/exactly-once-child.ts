/**
 * A process that runs one exactly-once source until it is killed: `exactly-once-child.ts embedded:DIR|HOST:PORT`. The source
 * counts on from its stored offset, as an SSE server does from a Last-Event-ID. It says `committed` behind each transaction.
 */
import { codecs } from '../../src/app/codecs.ts';
import { isError } from '../../src/base/errors.ts';
import { define } from '../../src/config/config-def.ts';
import type { SourceConnector } from '../../src/connectors/contract.ts';
import { startSourceTask } from '../../src/worker/source-task.ts';
import { textRecord } from './scripted-source.ts';
import { sourceTaskOptions } from './source-task.ts';

const [address = '', random = '0'] = process.argv.slice(2);
const broker = address.startsWith('embedded:')
  ? await (await import('../../src/broker/embedded/embedded.ts')).openEmbeddedBroker({
      directory: address.slice('embedded:'.length),
      codecs,
    })
  : await (await import('../../src/broker/kafka/kafka.ts')).openKafkaBroker({ bootstrap: [address], codecs });

process.stdin.on('end', () => process.exit()).resume(); // whoever started it has gone

const partition = Object.freeze({ url: 'http://counting' });
const counting: SourceConnector = {
  kind: 'source',
  name: 'counting',
  classNames: [],
  version: '1',
  config: define({}),
  tasks: (config) => [config],
  async *open(config, { resumeOffset, clock, signal }) {
    let next = Number(resumeOffset(partition)?.['last_event_id'] ?? -1) + 1;
    while (!signal.aborted) {
      const size = 1 + (next % (7 + Number(random)));
      const records = Array.from({ length: size }, (_, i) => textRecord(config['topic']!, String(next + i)));
      next += size;
      yield { records, partition, offset: { last_event_id: String(next - 1) }, receivedAtMs: clock.monotonicMs() };
    }
  },
};

await broker.createTopic({ name: 'counted', partitions: 1 }).catch((error: unknown) => {
  if (!isError(error, 'TOPIC_EXISTS')) throw error;
});
const { options } = await sourceTaskOptions(broker, counting, 'counted-offsets', {
  config: { topic: 'counted' },
  exactlyOnce: { transactionalId: 'tributary-counting-0', boundary: { kind: 'poll' } },
});
const { metrics } = options;
const committed = metrics.counter('tributary_source_transactions_total', '');
let told = 0;
setInterval(() => {
  if (committed.value === told) return;
  told = committed.value;
  process.stdout.write(`committed ${told}\n`);
}, 5);
await startSourceTask(options).ended;
