/** Records on their way to many clients: what the server's process took for them, and what its clients got. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processUse, resetPeak } from '../support/process.ts';
import type { Losses } from '../support/targets.ts';
import { type FanOptions, type FanResult, fanLosses, startFan } from './clients.ts';

export interface DeliveryOptions extends Pick<FanOptions, 'form' | 'url' | 'connections' | 'from'> {
  readonly server: { readonly pid: number; readonly port: number };
  /** To each of the clients. */
  readonly records: number;
  /** Subscriptions are asked for when connections open, and answered a little later: nothing outside tells when. */
  readonly settleMs: number;
  readonly write: (records: number) => Promise<unknown>;
}

export interface Delivery {
  /** Deliveries: one record at one subscriber. */
  readonly count: number;
  readonly perSecond: number;
  readonly cpuUsPerDelivery: number;
  readonly recordsPerFrame: number;
  readonly peakMb: number;
  /** What the process has grown by for each client that has only connected. */
  readonly kilobytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly losses: Losses;
}

export async function deliver(options: DeliveryOptions): Promise<Delivery> {
  const { server, records, settleMs, write, connections, ...form } = options;
  const { port, pid } = server;
  const count = connections * records;
  const alone = processUse(pid);
  const fan = startFan({ ...form, port, connections, messages: count, seconds: 120 });
  await fan.open;
  await sleep(settleMs);
  resetPeak(pid);
  const before = processUse(pid);
  await write(records);
  const result: FanResult = await fan.result;
  const after = processUse(pid);
  const { messages, active_s: seconds, frames, lat_ms: late } = result;
  return {
    count,
    perSecond: messages / seconds,
    cpuUsPerDelivery: ((after.cpuMs - before.cpuMs) * 1000) / messages,
    recordsPerFrame: messages / frames,
    peakMb: after.peakMb,
    kilobytes: ((before.residentMb - alone.residentMb) * 1024) / connections,
    p50Ms: late.p50,
    p99Ms: late.p99,
    losses: fanLosses(result, records),
  };
}
