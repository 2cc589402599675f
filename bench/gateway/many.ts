/** What a connected subscriber costs, and how late records are with very many of them: ten a second to each. */
import { startBareFan } from '../peers/bare-fan.ts';
import { showCount } from '../support/stats.ts';
import { publish } from './clients.ts';
import { type Delivery, deliver } from './delivery.ts';
import type { Scenario } from './scenario.ts';

const recordsPerSecond = 10;

export const many: Scenario = async ({ gateway, sizes, report, alone }) => {
  const { many: connections, seconds, settleMs } = sizes;
  const job = { form: 'bin', connections, records: seconds * recordsPerSecond, settleMs } as const;
  const about = `${showCount(connections)} subscribers, ${showCount(connections * recordsPerSecond)} deliveries/s`;
  await gateway.restart(); // the memory of a process that has done nothing yet
  const write = (count: number) => publish({ port: gateway.port, count, rate: recordsPerSecond, batch: 1 });
  const delivery = await deliver({ ...job, server: gateway, write });
  report.add({ name: 'many', about: `${about}; wanted ≤ 20 KB, p99 ≤ 50 ms`, ...lateOf(delivery) });
  if (alone) return;
  await using bare = await startBareFan();
  const floor = await deliver({ ...job, server: bare, write: (count) => bare.write(count, recordsPerSecond, 1) });
  report.add({ name: 'many-floor', about: `${about}; a bare writer`, ...lateOf(floor), beside: 'floor' });
};

function lateOf({ count, losses, kilobytes, p50Ms, p99Ms, cpuUsPerDelivery, peakMb }: Delivery) {
  return { count, losses, figures: { kilobytes, p50Ms, p99Ms, cpuUsPerDelivery, peakMb } };
}
