/** More and more subscribers of one topic: 50 records a second to each, in whatever frames they come. */
import { publish } from './gateway/clients.ts';
import { deliver } from './gateway/delivery.ts';
import { where } from './gateway/places.ts';
import { startBenchGateway } from './gateway/server.ts';
import { buildTools } from './support/feed.ts';
import type { Losses } from './support/targets.ts';

const recordsPerSecond = 50;
const settleMs = 1500;
export const subscribersWhere: string = where;

export async function measureSubscribers(
  connections: number,
  records: number,
): Promise<{ readonly figures: Readonly<Record<string, number>>; readonly losses: Losses }> {
  buildTools();
  await using gateway = await startBenchGateway();
  const write = (count: number) => publish({ port: gateway.port, count, rate: recordsPerSecond, batch: 1 });
  const delivery = await deliver({ server: gateway, form: 'bin', connections, records, settleMs, write });
  const { perSecond, cpuUsPerDelivery: cpuUs, kilobytes, recordsPerFrame, peakMb, losses } = delivery;
  return { figures: { perSecond, cpuUs, kilobytes, recordsPerFrame, peakMb }, losses };
}
