/**
 * How late records are at a rate that is not the limit: 200 a second, one after the other, to each of 1,000 subscribers. nchan gets
 * as many. What waits for whom shows in the records of a frame: one where the server keeps up, more where it writes what has
 * come meanwhile.
 */
import { toolsMissing } from '../../test/support/tools.ts';
import { startBareFan } from '../peers/bare-fan.ts';
import { showCount } from '../support/stats.ts';
import { publish } from './clients.ts';
import { type Delivery, type DeliveryOptions, deliver } from './delivery.ts';
import { nchanSettings, startBenchNchan } from './nchan.ts';
import type { Round, Scenario } from './scenario.ts';

const recordsPerSecond = 200;

export const paced: Scenario = async (round) => {
  const { gateway, report, alone } = round;
  for (const form of ['bin', 'json'] as const) {
    const write = (count: number) => publish({ port: gateway.port, count, rate: recordsPerSecond, batch: 1 });
    const delivery = await warmAndPaced({ server: gateway, form, write }, round);
    report.add({ name: `paced-${form}`, about: aboutOf(delivery, 'wanted p99 ≤ 50 ms'), ...lateOf(delivery) });
  }
  if (alone) return;
  {
    await using bare = await startBareFan();
    const write = (count: number) => bare.write(count, recordsPerSecond, 1);
    const delivery = await warmAndPaced({ server: bare, form: 'bin', write }, round);
    const about = aboutOf(delivery, 'a bare writer of frames');
    report.add({ name: 'paced-floor', about, ...lateOf(delivery), beside: 'floor' });
  }
  if (toolsMissing(['nchan']) !== false) return;
  await using server = await startBenchNchan();
  const write = (count: number) => server.publish(count, recordsPerSecond);
  const delivery = await warmAndPaced({ server, form: 'json', url: server.urlOf('json'), write }, round);
  const peer = { beside: 'peer', settings: nchanSettings() } as const;
  report.add({ name: 'paced-nchan-ws', about: aboutOf(delivery, 'nginx with nchan'), ...lateOf(delivery), ...peer });
};

async function warmAndPaced(
  options: Pick<DeliveryOptions, 'server' | 'form' | 'url' | 'write'>,
  { sizes: { subscribers: connections, seconds, warmSeconds, settleMs } }: Round,
): Promise<Delivery> {
  const during = (time: number) => deliver({ ...options, connections, settleMs, records: recordsPerSecond * time });
  if (warmSeconds > 0) await during(warmSeconds);
  return await during(seconds);
}

function aboutOf({ count }: Delivery, more: string): string {
  return `${recordsPerSecond} records/s, ${showCount(count)} deliveries in all; ${more}`;
}

function lateOf({ count, losses, perSecond, p50Ms, p99Ms, cpuUsPerDelivery, recordsPerFrame, peakMb }: Delivery) {
  return { count, losses, figures: { perSecond, p50Ms, p99Ms, cpuUsPerDelivery, recordsPerFrame, peakMb } };
}
