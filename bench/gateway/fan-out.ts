/** More is published than can be delivered: frames grow until the gateway, or the client, is at its limit. */
import { toolsMissing } from '../../test/support/tools.ts';
import { startBareFan } from '../peers/bare-fan.ts';
import { showCount } from '../support/stats.ts';
import { type Form, publish } from './clients.ts';
import { type Delivery, deliver } from './delivery.ts';
import { nchanSettings, startBenchNchan } from './nchan.ts';
import type { Round, Scenario } from './scenario.ts';

const recordsPerSecond = 2000;
const batch = 20;
const wanted: Readonly<Record<Form, number>> = { bin: 1_000_000, json: 600_000, sse: 400_000 };

export const fanOut: Scenario = async (round) => {
  const { gateway, sizes, report, alone } = round;
  const { subscribers: connections, records, settleMs } = sizes;
  for (const form of ['bin', 'json', 'sse'] as const) {
    const write = (count: number) => publish({ port: gateway.port, count, rate: recordsPerSecond, batch });
    const delivery = await deliver({ server: gateway, form, connections, records, settleMs, write });
    const about = `${showCount(connections)} subscribers, more offered than delivered; wanted ≥ ${showCount(wanted[form])}/s`;
    report.add({ name: form, about, ...rateOf(delivery) });
  }
  if (alone) return;
  await floor(round);
  if (toolsMissing(['nchan']) === false) for (const form of ['json', 'sse'] as const) await nchan(form, round);
};

/** What the kernel and Node's sockets take for the same records in frames of as many. */
async function floor({ sizes: { subscribers: connections, records, settleMs }, report }: Round): Promise<void> {
  await using bare = await startBareFan();
  const write = (count: number) => bare.write(count, recordsPerSecond, batch);
  const delivery = await deliver({ server: bare, form: 'bin', connections, records, settleMs, write });
  const about = 'a bare writer of frames to as many sockets';
  report.add({ name: 'floor', about, ...rateOf(delivery), beside: 'floor' });
}

async function nchan(form: 'json' | 'sse', { sizes, report }: Round): Promise<void> {
  await using server = await startBenchNchan();
  const { subscribers: connections, records: ours, settleMs } = sizes;
  const records = Math.ceil(ours / 6); // one message a frame takes it long enough
  const delivery = await deliver({
    ...{ server, form, url: server.urlOf(form), connections, records, settleMs },
    write: (count) => server.publish(count, recordsPerSecond),
  });
  const name = form === 'sse' ? 'nchan-sse' : 'nchan-ws';
  report.add({ name, about: 'nginx with nchan', ...rateOf(delivery), beside: 'peer', settings: nchanSettings() });
}

function rateOf({ count, losses, perSecond, cpuUsPerDelivery, recordsPerFrame, peakMb }: Delivery) {
  return { count, losses, figures: { perSecond, cpuUsPerDelivery, recordsPerFrame, peakMb } };
}
