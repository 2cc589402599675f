/**
 * A process that feeds the application of sql-topics.ts and runs it until it is killed: `sql-child.ts embedded:DIR|HOST:PORT
 * INTERVAL_MS`. It says `committed` behind each checkpoint.
 */
import { codecs } from '../../src/app/codecs.ts';
import { feedWith, makeTopics, startCheckpointed, windowScript } from './sql-topics.ts';

const [address = '', intervalMs = '5'] = process.argv.slice(2);
const broker = address.startsWith('embedded:')
  ? await (await import('../../src/broker/embedded/embedded.ts')).openEmbeddedBroker({
      directory: address.slice('embedded:'.length),
      codecs,
    })
  : await (await import('../../src/broker/kafka/kafka.ts')).openKafkaBroker({ bootstrap: [address], codecs });

process.stdin.on('end', () => process.exit()).resume(); // whoever started it has gone

await makeTopics(broker);
const app = startCheckpointed(broker, windowScript(), { intervalMs: Number(intervalMs) });
app.done.then(
  () => process.exit(1),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);

let told = 0;
setInterval(() => {
  const taken = app.metric('checkpoints_total');
  if (!(taken > told)) return;
  told = taken;
  process.stdout.write(`committed ${told}\n`);
}, 2);

// Each row says where it stands, so that the one after the last that is stored comes next, whoever was killed.
const producer = await broker.producer();
for (let next = await broker.offset('in', 0, 'latest'); ; ) {
  const size = 1 + (next % 37);
  await feedWith(producer, next, next + size);
  next += size;
  await new Promise((wake) => setTimeout(wake, 1));
}
