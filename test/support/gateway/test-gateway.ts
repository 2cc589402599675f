/** A gateway in this process, over any broker, on a port of 127.0.0.1. */
import { systemClock } from '../../../src/base/clock.ts';
import type { Broker } from '../../../src/broker/broker.ts';
import { readGatewaySettings } from '../../../src/gateway/read-settings.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../../../src/gateway/server.ts';
import { silentLog } from '../../../src/telemetry/log.ts';
import { MetricRegistry } from '../../../src/telemetry/metrics.ts';

/** `written`: keys of the section `gateway`. Drains are quick. */
export function startTestGateway(
  broker: Broker,
  written: Readonly<Record<string, unknown>> = {},
  more: Partial<GatewayOptions> = {},
): Promise<Gateway> {
  return startGateway({
    settings: readGatewaySettings({ listen: '127.0.0.1:0', drain: { spreadMs: 20, timeoutMs: 2000 }, ...written }),
    broker,
    registry: new MetricRegistry(),
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    hasAdmin: false,
    ...more,
  });
}
