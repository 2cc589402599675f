/** The gateway in a process of its own (`tributary gateway`), and beside a worker. */
import { systemClock } from '../base/clock.ts';
import type { Broker } from '../broker/broker.ts';
import type { Places } from '../gateway/places.ts';
import type { Gateway } from '../gateway/server.ts';
import type { GatewaySettings } from '../gateway/settings.ts';
import type { Log } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { ProducerSettings } from './config/app-config.ts';
import { demoFile } from './demo-page.ts';

export interface GatewayOpening {
  readonly settings: GatewaySettings;
  readonly broker: Broker;
  readonly producer: ProducerSettings;
  readonly log: Log;
  readonly registry: MetricRegistry;
  /** Health and metrics on a listener of their own; beside a worker its REST interface has them. */
  readonly isAlone: boolean;
  /** Of several processes at one address, which count connections together. */
  readonly places?: Places;
}

export async function openGateway(opening: GatewayOpening): Promise<Gateway> {
  const { settings, broker, producer, log, registry, isAlone, places } = opening;
  const { startGateway } = await import('../gateway/server.ts');
  return startGateway({
    settings,
    broker,
    producer: { deliveryTimeoutMs: 30_000, ...producer },
    registry,
    clock: systemClock,
    random: Math.random,
    log,
    hasAdmin: isAlone,
    ...(places === undefined ? {} : { places, sharesPort: true }),
    demo: demoFile,
  });
}
