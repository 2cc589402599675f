/** Records published over many connections, each acknowledged; they are looked for in the topic by connection and number. */
import type { Broker } from '../../src/broker/broker.ts';
import { processUse, resetPeak } from '../support/process.ts';
import type { Losses } from '../support/targets.ts';
import { publish } from './clients.ts';
import { spreadTopic } from './places.ts';
import type { Scenario } from './scenario.ts';

const connections = 100;
const partitions = 4;

export const publishing: Scenario = async ({ gateway, sizes, report }) => {
  const count = sizes.published;
  resetPeak(gateway.pid);
  const before = processUse(gateway.pid);
  const { per_s: perSecond } = await publish({ port: gateway.port, count, connections, partitions });
  const { cpuMs, peakMb } = processUse(gateway.pid);
  const cpuUsPerRecord = ((cpuMs - before.cpuMs) * 1000) / count;
  let losses: Losses = { lost: count, doubled: 0 };
  // kill -9: what was acknowledged must have been on the disk.
  await gateway.restart(async (broker) => {
    losses = await publishedLosses(broker, count / connections);
  });
  report.add({
    name: 'publish',
    about: `acknowledged over ${connections} connections; wanted ≥ 200 k/s`,
    count,
    figures: { perSecond, cpuUsPerRecord, peakMb },
    losses,
  });
};

/** Each connection has written its numbers 0 to `each` - 1 to one partition. */
async function publishedLosses(broker: Broker, each: number): Promise<Losses> {
  const seen = new Uint8Array(connections * each);
  let doubled = 0;
  for (let partition = 0; partition < partitions; partition++) {
    for await (const { records } of broker.read({ topic: spreadTopic, partition, from: 'earliest', until: 'end' })) {
      for (const { value } of records) {
        const head = Buffer.from(value!.buffer, value!.byteOffset, Math.min(100, value!.length)).toString('latin1');
        const [, sequence, connection] = /"seq":\s*(\d+),"c":\s*(\d+)/.exec(head) ?? [];
        const at = Number(connection) * each + Number(sequence);
        if (!(Number(sequence) < each && at < seen.length)) throw new Error(`A record says of itself: ${head}`);
        if (seen[at] === 1) doubled++;
        seen[at] = 1;
      }
    }
  }
  return { lost: seen.length - seen.reduce((sum, flag) => sum + flag, 0), doubled };
}
