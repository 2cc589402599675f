/**
 * The gateway is killed; as soon as it listens again all clients dial at once, and each goes on where it stood: behind it lie
 * some records that it has missed, and it must get each of them once.
 */
import { processUse } from '../support/process.ts';
import { showCount } from '../support/stats.ts';
import { fanLosses, publish, startFan } from './clients.ts';
import { topic } from './places.ts';
import type { Scenario } from './scenario.ts';

const missed = 10;

export const comeBack: Scenario = async ({ gateway, sizes: { many: connections }, report }) => {
  const from = await gateway.endOf(topic, 0);
  await publish({ port: gateway.port, count: missed });
  await gateway.restart();
  const { port, pid } = gateway;
  const before = processUse(pid);
  const count = connections * missed;
  const fan = startFan({ port, form: 'bin', connections, messages: count, seconds: 60, dialing: connections, from });
  const result = await fan.result;
  const { cpuMs, peakMb } = processUse(pid);
  report.add({
    name: 'come-back',
    about: `${showCount(connections)} clients at once after kill -9; wanted ≤ 10 s`,
    count,
    figures: {
      openSeconds: result.open_s,
      servedSeconds: result.last_s,
      cpuMsPerClient: (cpuMs - before.cpuMs) / connections,
      peakMb,
    },
    losses: fanLosses(result, missed),
  });
};
