/** A gateway of several processes, as a program that runs. */
import { createServer } from 'node:http';
import { systemClock } from '../../base/clock.ts';
import { TributaryError } from '../../base/errors.ts';
import { splitAddress } from '../../gateway/address.ts';
import { adminRoutes, checkListener, closeServer, listen } from '../../gateway/listener.ts';
import type { GatewaySettings } from '../../gateway/settings.ts';
import type { GatewayStartOptions } from '../gateway-start.ts';
import { freeAddress } from '../port.ts';
import type { AppParts, RunningApp } from '../wiring.ts';
import { Supervisor } from './supervisor.ts';

/** CONFIG_INVALID, ADDRESS_IN_USE, and what a process of the gateway cannot begin for. */
export async function openGatewayProcesses(
  { config, log, metrics }: AppParts,
  settings: GatewaySettings,
  options: GatewayStartOptions,
): Promise<RunningApp> {
  if (!config.broker.startsWith('kafka:')) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `gateway.processes "${settings.processes}" wants a Kafka: the files of "${config.broker}" belong to one process. ` +
        'Set broker: kafka://HOST:PORT, or gateway.processes: 1',
    );
  }
  checkListener(settings);
  const { host, port } = await freeAddress(splitAddress(settings.listen, 'gateway.listen'), 'gateway.listen');
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const supervisor = new Supervisor({
    options,
    settings: { ...settings, listen: address },
    registry: metrics,
    log: log.child({}, 'tributary.gateway'),
    clock: systemClock,
    random: Math.random,
  });
  // Before the processes: where its address is taken there is nothing to end.
  const admin = createServer(adminRoutes(() => supervisor.look()));
  await listen(admin, settings.admin, 'gateway.admin');
  let url: string;
  try {
    url = await supervisor.start();
  } catch (error) {
    await closeServer(admin);
    throw error;
  }
  return {
    url: undefined,
    gateway: url,
    reloadGateway: () => supervisor.reload(),
    broker: { address: config.broker },
    exchange: undefined,
    connectors: [],
    async stop() {
      await supervisor.stop();
      await closeServer(admin);
    },
  };
}
